namespace Tcm.Detect.Geometry;

/// <summary>
/// A polygon with the score by which it is ranked. What a polygon that crosses itself covers, <see cref="TrapezoidSweep"/> tells.
/// Thread-safe but for <see cref="Keep"/>.
/// </summary>
internal sealed class ScoredPolygon
{
    // Sums of areas are right to a few units of the last place; decisions with a greater margin need no exact sum.
    private const double Margin = 1e-9;

    [ThreadStatic] private static TrapezoidSweep? sweep;

    private Trapezoid[]? _parts;
    private double _area;

    /// <param name="points">Three vertices or more.</param>
    /// <param name="score">The higher the better.</param>
    public ScoredPolygon(PixelPoint[] points, float score)
    {
        Points = points;
        Score = score;
        (Left, Top, Right, Bottom) = (int.MaxValue, int.MaxValue, int.MinValue, int.MinValue);
        foreach (var p in points)
        {
            (Left, Right) = (Math.Min(Left, p.X), Math.Max(Right, p.X));
            (Top, Bottom) = (Math.Min(Top, p.Y), Math.Max(Bottom, p.Y));
        }
    }

    public PixelPoint[] Points { get; }

    public float Score { get; }

    /// <summary>Smallest x.</summary>
    public int Left { get; }

    /// <summary>Smallest y.</summary>
    public int Top { get; }

    /// <summary>Greatest x.</summary>
    public int Right { get; }

    /// <summary>Greatest y.</summary>
    public int Bottom { get; }

    /// <summary>What the polygon covers, until this thread asks another polygon, or for good after <see cref="Keep"/>.</summary>
    /// <param name="area">Square pixels.</param>
    public ReadOnlySpan<Trapezoid> Measure(out double area)
    {
        if (_parts is not null)
        {
            area = _area;
            return _parts;
        }
        var parts = (sweep ??= new TrapezoidSweep()).Decompose(Points);
        area = Trapezoid.Area(parts);
        return parts;
    }

    /// <summary>Makes later calls of <see cref="Measure"/> and <see cref="Overlaps"/> cheap, for memory.</summary>
    public void Keep() => _parts ??= Measure(out _area).ToArray();

    /// <summary>Intersection over union; 1 for two polygons without area, wherever they are, as the reference has it.</summary>
    public double IntersectionOverUnion(ScoredPolygon other)
    {
        Trapezoid[] parts = [.. other.Measure(out double area)];
        return IntersectionOverUnion(Measure(out double mine), mine, parts, area, double.PositiveInfinity);
    }

    /// <summary>Whether the intersection over union with another polygon is greater than a bound, for a kept polygon.</summary>
    /// <param name="other">The other one.</param>
    /// <param name="parts">What the other one covers.</param>
    /// <param name="area">Of the other one.</param>
    /// <param name="bound">Zero or more.</param>
    public bool Overlaps(ScoredPolygon other, ReadOnlySpan<Trapezoid> parts, double area, double bound)
    {
        double width = Math.Min(Right, other.Right) - Math.Max(Left, other.Left);
        double height = Math.Min(Bottom, other.Bottom) - Math.Max(Top, other.Top);
        // i / (a + b - i) > bound where i > bound / (1 + bound) * (a + b).
        double enough = bound / (1 + bound) * (_area + area), most = Math.Min(_area, area);
        if (width < 0 || height < 0 || Math.Min(most, width * height) < enough * (1 - Margin))
        {
            return _area + area == 0 && bound < 1;
        }
        // What is found by then must also be more than rounding.
        return IntersectionOverUnion(_parts, _area, parts, area, Math.Max(enough * (1 + Margin), Margin * most)) > bound;
    }

    private static double IntersectionOverUnion(ReadOnlySpan<Trapezoid> a, double areaA, ReadOnlySpan<Trapezoid> b, double areaB,
        double enough)
    {
        double both = Trapezoid.Intersection(a, b, enough);
        if (both < Margin * Math.Min(areaA, areaB))
        {
            // Polygons that share an edge have nothing in common but rounding.
            both = 0;
        }
        double either = areaA + areaB - both;
        return either > 0 ? both / either : 1;
    }
}
