using Tcm.Detect.Evaluation;

namespace Tcm.Detect.Geometry;

/// <summary>A polygon with the score by which it is ranked. Its measures are computed when first asked for: one thread at a time.</summary>
internal sealed class ScoredPolygon
{
    private PolygonOverlap? _overlap;

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

    private int Left { get; }

    private int Top { get; }

    private int Right { get; }

    private int Bottom { get; }

    private PolygonOverlap Overlap => _overlap ??= new PolygonOverlap([.. Points.Select(p => new System.Numerics.Vector2(p.X, p.Y))]);

    /// <summary>Intersection over union; 1 for two polygons without area, wherever they are, as the reference has it.</summary>
    public double IntersectionOverUnion(ScoredPolygon other)
    {
        bool apart = Left > other.Right || other.Left > Right || Top > other.Bottom || other.Top > Bottom;
        if (apart && Overlap.Area > 0)
        {
            return 0;
        }
        double both = Overlap.Intersection(other.Overlap), either = Overlap.Area + other.Overlap.Area - both;
        return either > 0 ? both / either : 1;
    }
}

/// <summary>Non-maximum suppression of polygons.</summary>
internal static class PolygonNms
{
    /// <summary>
    /// Takes the best polygon and drops those whose intersection over union with it is greater than
    /// <paramref name="overlap"/>, until none is left. Of equally good ones the last counts as the best.
    /// </summary>
    /// <returns>Those that were taken, best first.</returns>
    public static List<ScoredPolygon> Suppress(IReadOnlyList<ScoredPolygon> polygons, double overlap)
    {
        var left = polygons.OrderBy(p => p.Score).ToList();
        var kept = new List<ScoredPolygon>();
        while (left.Count > 0)
        {
            var best = left[^1];
            kept.Add(best);
            left.RemoveAt(left.Count - 1);
            left.RemoveAll(p => best.IntersectionOverUnion(p) > overlap);
        }
        return kept;
    }
}
