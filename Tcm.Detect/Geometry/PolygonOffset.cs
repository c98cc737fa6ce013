namespace Tcm.Detect.Geometry;

/// <summary>
/// Grows or shrinks a closed polygon with round joins on integer coordinates: the outline that Clipper 6's
/// <c>ClipperOffset</c> builds (arc tolerance 0.25), then the part of it with a positive winding number.
/// A workspace: one thread at a time.
/// </summary>
internal sealed class PolygonOffset
{
    private const double ArcTolerance = 0.25;

    private readonly PixelPointList _source = new();
    private readonly PixelPointList _raw = new();
    private readonly PositiveWinding _winding = new();
    private (double X, double Y)[] _normals = new (double, double)[64];

    /// <summary>Rings of the last <see cref="Execute"/>: outer rings clockwise on the screen, holes the other way round.</summary>
    public int RingCount => _winding.RingCount;

    /// <summary>Ring <paramref name="index"/>; in the order of Clipper's solution. Valid until the next use.</summary>
    public ReadOnlySpan<PixelPoint> Ring(int index) => _winding.Ring(index);

    /// <summary>Offsets the polygon, outwards for a positive <paramref name="delta"/>, and returns the number of rings.</summary>
    public int Execute(ReadOnlySpan<PixelPoint> polygon, double delta) => _winding.Execute(BuildRaw(polygon, delta), framed: delta <= 0);

    /// <summary>The offset outline before loops are removed; empty if nothing can come out.</summary>
    public ReadOnlySpan<PixelPoint> BuildRaw(ReadOnlySpan<PixelPoint> polygon, double delta)
    {
        _raw.Clear();
        Prepare(polygon);
        var source = _source.Span;
        int count = source.Length;
        if (count < 3)
        {
            return [];
        }
        if (Math.Abs(delta) < 1e-20)
        {
            _raw.Add(source);
            return _raw.Span;
        }
        if (_normals.Length < count)
        {
            _normals = new (double, double)[2 * count];
        }
        for (int i = 0; i < count; i++)
        {
            var next = source[i + 1 == count ? 0 : i + 1];
            double dx = next.X - source[i].X;
            double dy = next.Y - source[i].Y;
            double f = 1 / Math.Sqrt(dx * dx + dy * dy);
            _normals[i] = (dy * f, -(dx * f));
        }
        double size = Math.Abs(delta);
        double tolerance = Math.Min(ArcTolerance, size * ArcTolerance);
        double steps = Math.Min(Math.PI / Math.Acos(1 - tolerance / size), size * Math.PI);
        var arc = new Arc(steps / (2 * Math.PI), Math.Sin(2 * Math.PI / steps) * Math.Sign(delta), Math.Cos(2 * Math.PI / steps));
        int previous = count - 1;
        for (int i = 0; i < count; i++)
        {
            previous = Join(source[i], previous, i, delta, arc);
        }
        return _raw.Span;
    }

    // A rotation by one step of an arc, and how many of them make a radian.
    private readonly record struct Arc(double StepsPerRadian, double Sin, double Cos);

    // Removes repeated points and makes the ring clockwise on the screen.
    private void Prepare(ReadOnlySpan<PixelPoint> polygon)
    {
        _source.Clear();
        int end = polygon.Length;
        while (end > 1 && polygon[end - 1] == polygon[0])
        {
            end--;
        }
        for (int i = 0; i < end; i++)
        {
            if (_source.Count == 0 || _source[_source.Count - 1] != polygon[i])
            {
                _source.Add(polygon[i]);
            }
        }
        if (PolygonMeasures.TwiceSignedArea(_source.Span) < 0)
        {
            _source.Span.Reverse();
        }
    }

    // Returns the edge whose normal counts as the previous one at the next corner: Clipper keeps the old one while the
    // outline is almost straight.
    private int Join(PixelPoint at, int previous, int edge, double delta, Arc arc)
    {
        var (kx, ky) = _normals[previous];
        var (jx, jy) = _normals[edge];
        double sin = kx * jy - jx * ky;
        double cos = kx * jx + ky * jy;
        if (Math.Abs(sin * delta) < 1)
        {
            if (cos > 0)
            {
                Add(at, kx * delta, ky * delta);
                return previous;
            }
        }
        else
        {
            sin = Math.Clamp(sin, -1, 1);
        }
        if (sin * delta < 0)
        {
            Add(at, kx * delta, ky * delta);
            _raw.Add(at);
        }
        else
        {
            int steps = Math.Max((int)Round(arc.StepsPerRadian * Math.Abs(Math.Atan2(sin, cos))), 1);
            double x = kx, y = ky;
            for (int i = 0; i < steps; i++)
            {
                Add(at, x * delta, y * delta);
                (x, y) = (x * arc.Cos - arc.Sin * y, x * arc.Sin + y * arc.Cos);
            }
        }
        Add(at, jx * delta, jy * delta);
        return edge;
    }

    private void Add(PixelPoint at, double dx, double dy) => _raw.Add(new PixelPoint(Round(at.X + dx), Round(at.Y + dy)));

    private static int Round(double value) => value < 0 ? (int)(value - 0.5) : (int)(value + 0.5);
}
