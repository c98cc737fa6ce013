using System.Numerics;
using Tcm.Detect.Datasets;
using Tcm.Detect.Geometry;

namespace Tcm.Detect.Heads.Db;

/// <summary>
/// Target maps of DBNet (heads.md section 2.4): shrunk texts with a mask of what counts, and the distance to the outlines
/// with a mask of where. A workspace: one thread at a time.
/// </summary>
internal sealed class DbTargets
{
    private const double ShrinkRatio = 0.4, ThresholdMin = 0.3, ThresholdMax = 0.7, MinShortSide = 8, MinArea = 1;

    [ThreadStatic] private static DbTargets? mine;

    private readonly PolygonOffset _offset = new();
    private readonly PolygonFill _fill = new();
    private readonly MinAreaRectangle _rectangle = new();

    /// <summary>Draws the maps of one picture, each of height x width values, all overwritten. Thread-safe.</summary>
    /// <param name="texts">Labels in pixels of the canvas; may reach outside.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <param name="shrink">Number of the text (from 1) inside its shrunk outline, else 0.</param>
    /// <param name="shrinkMask">0 inside ignored texts, else 1.</param>
    /// <param name="threshold">0.7 on an outline, falling to 0.3 at the offset distance on both sides.</param>
    /// <param name="thresholdMask">1 inside grown outlines, else 0.</param>
    public static void Draw(IReadOnlyList<TextAnnotation> texts, int height, int width, Span<float> shrink,
        Span<float> shrinkMask, Span<float> threshold, Span<float> thresholdMask)
    {
        shrink.Clear();
        shrinkMask.Fill(1);
        threshold.Clear();
        thresholdMask.Clear();
        (mine ??= new DbTargets()).DrawAll(texts, height, width, shrink, shrinkMask, threshold, thresholdMask);
        for (int i = 0; i < threshold.Length; i++)
        {
            threshold[i] = (threshold[i] * (float)(ThresholdMax - ThresholdMin)) + (float)ThresholdMin;
        }
    }

    private void DrawAll(IReadOnlyList<TextAnnotation> texts, int height, int width, Span<float> shrink, Span<float> shrinkMask,
        Span<float> threshold, Span<float> thresholdMask)
    {
        int label = 0;
        foreach (var text in texts)
        {
            var corners = Truncate(text.Polygon);
            bool care = !text.Ignored && IsLargeEnough(text.Polygon, corners);
            if (care)
            {
                label++;
                double area = Math.Abs(PolygonMeasures.TwiceSignedArea(corners)) / 2.0;
                int distance = (int)((area * (1 - (ShrinkRatio * ShrinkRatio)) / (PolygonMeasures.Perimeter(corners) + 0.001)) + 0.5);
                care = _offset.Execute(corners, -distance) > 0;
            }
            if (!care)
            {
                _fill.Fill(corners, shrinkMask, width, height, 0f);
                continue;
            }
            _fill.Fill(_offset.Ring(0), shrink, width, height, (float)label);
            DrawBorder(text.Polygon, corners, height, width, threshold, thresholdMask);
        }
    }

    private bool IsLargeEnough(IReadOnlyList<Vector2> polygon, PixelPoint[] corners)
    {
        double area = 0;
        for (int i = 0; i < polygon.Count; i++)
        {
            var (a, b) = (polygon[i], polygon[(i + 1) % polygon.Count]);
            area += ((double)b.X - a.X) * ((double)b.Y + a.Y) / 2;
        }
        return Math.Abs(area) >= MinArea && _rectangle.Of(corners).ShortSide >= MinShortSide;
    }

    private void DrawBorder(IReadOnlyList<Vector2> polygon, PixelPoint[] corners, int height, int width, Span<float> threshold,
        Span<float> thresholdMask)
    {
        double area = 0, perimeter = 0;
        for (int i = 0; i < polygon.Count; i++)
        {
            var (a, b) = (polygon[i], polygon[(i + 1) % polygon.Count]);
            area += ((double)a.X * b.Y) - ((double)b.X * a.Y);
            perimeter += Vector2.Distance(a, b);
        }
        double distance = Math.Abs(area) / 2 * (1 - (ShrinkRatio * ShrinkRatio)) / perimeter;
        var grown = _offset.Execute(corners, distance) > 0 ? _offset.Ring(0) : corners;
        _fill.Fill(grown, thresholdMask, width, height, 1f);
        int left = int.MaxValue, top = int.MaxValue, right = int.MinValue, bottom = int.MinValue;
        foreach (var point in grown)
        {
            left = Math.Min(left, point.X);
            right = Math.Max(right, point.X);
            top = Math.Min(top, point.Y);
            bottom = Math.Max(bottom, point.Y);
        }
        right = Math.Min(right, width - 1);
        bottom = Math.Min(bottom, height - 1);
        for (int y = Math.Max(top, 0); y <= bottom; y++)
        {
            for (int x = Math.Max(left, 0); x <= right; x++)
            {
                double nearest = Nearest(polygon, x, y, distance);
                ref float value = ref threshold[(y * width) + x];
                value = Math.Max(value, (float)(1 - nearest));
            }
        }
    }

    /// <summary>
    /// The smallest of 1 and the distances to the edges in units of <paramref name="unit"/>. As in the reference, a pixel
    /// outside the circle that has the edge as diameter takes the distance to the nearer end, also where the perpendicular
    /// would be shorter.
    /// </summary>
    private static double Nearest(IReadOnlyList<Vector2> polygon, int x, int y, double unit)
    {
        double best = unit * unit;
        var from = polygon[^1];
        for (int i = 0; i < polygon.Count; i++)
        {
            var to = polygon[i];
            double ax = x - (double)from.X, ay = y - (double)from.Y, bx = x - (double)to.X, by = y - (double)to.Y;
            double cx = (double)to.X - from.X, cy = (double)to.Y - from.Y;
            double a = (ax * ax) + (ay * ay), b = (bx * bx) + (by * by), c = (cx * cx) + (cy * cy);
            double square;
            if (a + b > c)
            {
                square = Math.Min(a, b);
            }
            else
            {
                double cross = (ax * cy) - (ay * cx);
                square = cross * cross / (c + 1.1920929e-7);
            }
            best = Math.Min(best, square);
            from = to;
        }
        return Math.Sqrt(best) / unit;
    }

    private static PixelPoint[] Truncate(IReadOnlyList<Vector2> polygon)
    {
        var points = new PixelPoint[polygon.Count];
        for (int i = 0; i < points.Length; i++)
        {
            points[i] = new PixelPoint((int)polygon[i].X, (int)polygon[i].Y);
        }
        return points;
    }
}
