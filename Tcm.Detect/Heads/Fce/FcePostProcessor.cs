using System.Numerics;
using Tcm.Detect.Geometry;
using Tcm.Kernels;

namespace Tcm.Detect.Heads.Fce;

/// <summary>
/// From FCENet's levels to text regions (heads.md section 4.3): connected pixels of high score, the contour that each of
/// their pixels predicts, and the best of those that overlap: among a component's, among a level's, among all. Thread-safe.
/// </summary>
public sealed class FcePostProcessor
{
    private readonly FcePostProcessingOptions _options;
    private readonly FourierContour _contour;

    /// <summary>A post-processor with the given settings.</summary>
    /// <exception cref="OptionException">A setting makes no sense.</exception>
    public FcePostProcessor(FcePostProcessingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        _contour = new FourierContour(options.Points);
    }

    /// <summary>Finds the text regions of one picture.</summary>
    /// <param name="maps">The head's result, (positions, 26).</param>
    /// <param name="width">Columns of the network's input.</param>
    /// <param name="height">Rows of the network's input.</param>
    /// <param name="scaleX">Network pixels per source pixel, horizontally.</param>
    /// <param name="scaleY">Network pixels per source pixel, vertically.</param>
    /// <returns>Regions in pixels of the source picture, best first.</returns>
    /// <exception cref="ShapeException">The sizes do not fit the number of values.</exception>
    public IReadOnlyList<TextRegion> Detect(ReadOnlySpan<float> maps, int width, int height, double scaleX, double scaleY)
    {
        if (width < 1 || height < 1 || maps.Length != (long)FceLevel.Positions(height, width) * FceLevel.Values)
        {
            throw new ShapeException($"FcePostProcessor: {maps.Length} values for a picture of {width}x{height}");
        }
        if (!(scaleX > 0) || !(scaleY > 0))
        {
            throw new TcmException($"FcePostProcessor: scale factors {scaleX} and {scaleY} are not positive");
        }
        var all = new List<ScoredPolygon>();
        foreach (int stride in FceLevel.Strides)
        {
            int length = height / stride * (width / stride) * FceLevel.Values;
            all.AddRange(Level(maps[..length], width / stride, height / stride, stride));
            maps = maps[length..];
        }
        var rectangle = new MinAreaRectangle();
        return [.. PolygonNms.Suppress(all, _options.Overlap).Select(p => Region(p, rectangle, scaleX, scaleY))];
    }

    /// <summary>The contours of one level, in network pixels, best first.</summary>
    internal List<ScoredPolygon> Level(ReadOnlySpan<float> pixels, int width, int height, int stride)
    {
        float[] scores = Scores(pixels);
        var components = Components(scores, width, height);
        int[] text = [.. components.SelectMany(c => c)];
        float[] all = pixels.ToArray();
        var contours = new ScoredPolygon?[scores.Length];
        Parallel.For(0, text.Length, i =>
        {
            int at = text[i];
            var parts = all.AsSpan((at * FceLevel.Values) + FceLevel.Classes, FourierContour.Parts);
            if (_contour.Reconstruct(parts, at % width, at / width, stride) is { } contour)
            {
                contours[at] = new ScoredPolygon(contour, scores[at]);
            }
        });
        var survivors = new List<ScoredPolygon>[components.Count];
        Parallel.For(0, survivors.Length, i => survivors[i] =
            PolygonNms.Suppress([.. components[i].Select(at => contours[at]).OfType<ScoredPolygon>()], _options.Overlap));
        return PolygonNms.Suppress([.. survivors.SelectMany(c => c)], _options.Overlap);
    }

    private float[] Scores(ReadOnlySpan<float> pixels)
    {
        var scores = new float[pixels.Length / FceLevel.Values];
        for (int i = 0; i < scores.Length; i++)
        {
            var logits = pixels.Slice(i * FceLevel.Values, FceLevel.Classes);
            scores[i] = MathF.Pow(Probability(logits[0], logits[1]), _options.RegionPower)
                * MathF.Pow(Probability(logits[2], logits[3]), _options.CenterPower);
        }
        return scores;
    }

    /// <summary>Softmax of two logits, the second one's share.</summary>
    internal static float Probability(float no, float yes) => 1 / (1 + MathF.Exp(no - yes));

    /// <summary>
    /// Pixels of each 8-connected component of high scores with its holes, and what lies in them, filled; components in the
    /// order of OpenCV's contours, pixels row by row.
    /// </summary>
    private List<int[]> Components(ReadOnlySpan<float> scores, int width, int height)
    {
        var tracer = new ContourTracer();
        tracer.Begin(width, height);
        for (int y = 0; y < height; y++)
        {
            var row = tracer.Row(y);
            for (int x = 0; x < width; x++)
            {
                row[x] = scores[(y * width) + x] > _options.Threshold ? (sbyte)1 : (sbyte)0;
            }
        }
        tracer.Trace(ContourMode.OuterOnly, simplify: true);
        var fill = new PolygonFill();
        var components = new List<int[]>(tracer.Count);
        for (int i = 0; i < tracer.Count; i++)
        {
            int left = int.MaxValue, top = int.MaxValue, right = 0, bottom = 0;
            foreach (var p in tracer[i])
            {
                (left, right) = (Math.Min(left, p.X), Math.Max(right, p.X));
                (top, bottom) = (Math.Min(top, p.Y), Math.Max(bottom, p.Y));
            }
            int columns = right - left + 1, rows = bottom - top + 1;
            var mask = new byte[columns * rows];
            fill.Fill<byte>(tracer[i], mask, columns, rows, 1, left, top);
            var pixels = new List<int>();
            for (int k = 0; k < mask.Length; k++)
            {
                if (mask[k] != 0)
                {
                    pixels.Add(((top + (k / columns)) * width) + left + (k % columns));
                }
            }
            components.Add([.. pixels]);
        }
        return components;
    }

    private TextRegion Region(ScoredPolygon found, MinAreaRectangle rectangle, double scaleX, double scaleY)
    {
        var quad = new Vector2[4];
        rectangle.Of(found.Points).Corners(quad);
        ToSource(quad, scaleX, scaleY);
        var corners = Array.AsReadOnly(quad);
        if (!_options.Polygons)
        {
            return new TextRegion(corners, corners, found.Score);
        }
        var outline = Array.ConvertAll(found.Points, p => new Vector2(p.X, p.Y));
        ToSource(outline, scaleX, scaleY);
        return new TextRegion(Array.AsReadOnly(outline), corners, found.Score);
    }

    private static void ToSource(Span<Vector2> points, double scaleX, double scaleY)
    {
        foreach (ref var p in points)
        {
            p = new Vector2((float)(p.X / scaleX), (float)(p.Y / scaleY));
        }
        PolygonMeasures.OrderForScreen(points);
    }
}
