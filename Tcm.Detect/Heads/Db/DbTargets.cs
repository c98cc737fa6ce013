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
    private const double MinArea = 1;

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
    /// <param name="threshold">Greatest on an outline, falling to the least value at the offset distance on both sides.</param>
    /// <param name="thresholdMask">1 inside grown outlines, else 0.</param>
    /// <param name="options">Null for the paper's.</param>
    public static void Draw(IReadOnlyList<TextAnnotation> texts, int height, int width, Span<float> shrink,
        Span<float> shrinkMask, Span<float> threshold, Span<float> thresholdMask, DbTargetOptions? options = null)
    {
        options ??= DbTargetOptions.Default;
        shrink.Clear();
        shrinkMask.Fill(1);
        threshold.Fill((float)options.ThresholdMin);
        thresholdMask.Clear();
        (mine ??= new DbTargets()).DrawAll(texts, height, width, shrink, shrinkMask, threshold, thresholdMask, options);
    }

    private void DrawAll(IReadOnlyList<TextAnnotation> texts, int height, int width, Span<float> shrink, Span<float> shrinkMask,
        Span<float> threshold, Span<float> thresholdMask, DbTargetOptions options)
    {
        double part = 1 - (options.ShrinkRatio * options.ShrinkRatio);
        int label = 0;
        foreach (var text in texts)
        {
            Vector2[] outline = [.. text.Polygon];
            var corners = Array.ConvertAll(outline, p => new PixelPoint((int)p.X, (int)p.Y));
            bool care = !text.Ignored && Math.Abs(PolygonMeasures.SignedArea(outline)) >= MinArea
                && _rectangle.Of(corners).ShortSide >= options.MinShortSide;
            if (care)
            {
                label++;
                double area = Math.Abs(PolygonMeasures.TwiceSignedArea(corners)) / 2.0;
                int distance = (int)((area * part / (PolygonMeasures.Perimeter(corners) + 0.001)) + 0.5);
                care = _offset.Execute(corners, -distance) > 0;
            }
            if (!care)
            {
                _fill.Fill(corners, shrinkMask, width, height, 0f);
                continue;
            }
            _fill.Fill(_offset.Ring(0), shrink, width, height, (float)label);
            double reach = Math.Abs(PolygonMeasures.SignedArea(outline)) * part / Perimeter(outline);
            var grown = _offset.Execute(corners, reach) > 0 ? _offset.Ring(0) : corners;
            _fill.Fill(grown, thresholdMask, width, height, 1f);
            Ramp(grown, height, width, reach, options).Draw(outline, threshold, width);
        }
    }

    /// <summary>The ramp of a text is drawn inside the box of its grown outline, where that is inside the map.</summary>
    private static BorderRamp Ramp(ReadOnlySpan<PixelPoint> grown, int height, int width, double reach, DbTargetOptions options)
    {
        int left = int.MaxValue, top = int.MaxValue, right = int.MinValue, bottom = int.MinValue;
        foreach (var point in grown)
        {
            left = Math.Min(left, point.X);
            right = Math.Max(right, point.X);
            top = Math.Min(top, point.Y);
            bottom = Math.Max(bottom, point.Y);
        }
        return new BorderRamp(Math.Max(left, 0), Math.Max(top, 0), Math.Min(right, width - 1), Math.Min(bottom, height - 1), reach,
            (float)options.ThresholdMin, (float)options.ThresholdMax);
    }

    private static double Perimeter(ReadOnlySpan<Vector2> outline)
    {
        double sum = 0;
        var from = outline[^1];
        foreach (var to in outline)
        {
            double dx = (double)to.X - from.X, dy = (double)to.Y - from.Y;
            sum += Math.Sqrt((dx * dx) + (dy * dy));
            from = to;
        }
        return sum;
    }
}
