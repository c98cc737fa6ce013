using System.Numerics;
using Tcm.Detect.Datasets;
using Tcm.Detect.Geometry;

namespace Tcm.Detect.Heads.Fce;

/// <summary>
/// Target maps of FCENet (heads.md section 4.4): for each level text regions, centre lines, a mask of what counts, and in each
/// text the Fourier coefficients of its outline. A workspace: one thread at a time.
/// </summary>
internal sealed class FceTargets
{
    /// <summary>Maps of a level: text region, centre line, mask, then the parts of <see cref="FourierContour"/>.</summary>
    public const int Channels = 3 + FourierContour.Parts;

    /// <summary>Stride of the map that the score map is compared with.</summary>
    public const int MatchingStride = 32;

    private static readonly SizeRange MatchingSizes = new(0, 1);

    [ThreadStatic] private static FceTargets? mine;

    private readonly PolygonFill _fill = new();
    private byte[] _inside = [];

    /// <summary>Draws one level, (channels, height / stride, width / stride), overwritten. Thread-safe.</summary>
    /// <param name="texts">Labels in pixels of the canvas; may reach outside. Those without four corners count as ignored.</param>
    /// <param name="height">Rows of the canvas.</param>
    /// <param name="width">Columns of the canvas.</param>
    /// <param name="level">Index into <see cref="FceLevel.Strides"/>.</param>
    /// <param name="map">The level.</param>
    /// <param name="options">Null for the paper's.</param>
    public static void DrawLevel(IReadOnlyList<TextAnnotation> texts, int height, int width, int level, Span<float> map,
        FceTargetOptions? options = null)
    {
        options ??= FceTargetOptions.Default;
        var targets = mine ??= new FceTargets();
        int stride = FceLevel.Strides[level], columns = width / stride, rows = height / stride, plane = columns * rows;
        map.Clear();
        Span<float> center = map.Slice(plane, plane), mask = map.Slice(2 * plane, plane), parts = map[(3 * plane)..];
        foreach (var outline in targets.DrawRegions(texts, height, stride, options.Sizes[level], map[..plane], mask, columns, rows))
        {
            targets.DrawCenter(outline, options, center, columns, rows);
            targets.DrawCoefficients(outline, parts, columns, rows);
        }
    }

    /// <summary>Draws what the score map is compared with, (2, height / 32, width / 32): text regions and mask. Thread-safe.</summary>
    public static void DrawMatching(IReadOnlyList<TextAnnotation> texts, int height, int width, Span<float> map)
    {
        int columns = width / MatchingStride, rows = height / MatchingStride, plane = columns * rows;
        map.Clear();
        (mine ??= new FceTargets()).DrawRegions(texts, height, MatchingStride, MatchingSizes, map[..plane], map[plane..], columns,
            rows);
    }

    /// <summary>Draws texts of the right size and the mask; returns the outlines of those that count, in pixels of the level.</summary>
    private List<Complex[]> DrawRegions(IReadOnlyList<TextAnnotation> texts, int height, int stride, SizeRange sizes,
        Span<float> region, Span<float> mask, int columns, int rows)
    {
        mask.Fill(1);
        var outlines = new List<Complex[]>();
        foreach (var text in texts)
        {
            if (!sizes.Contains(LongSide(text.Polygon) / (height + 1e-8)))
            {
                continue;
            }
            Complex[] outline = [.. text.Polygon.Select(p => new Complex(p.X, p.Y) / stride)];
            bool care = !text.Ignored && outline.Length >= 4;
            _fill.Fill(Truncate(outline), care ? region : mask, columns, rows, care ? 1f : 0f);
            if (care)
            {
                outlines.Add(outline);
            }
        }
        return outlines;
    }

    /// <summary>Longer side of the upright box around the truncated vertices, both ends included.</summary>
    private static int LongSide(IReadOnlyList<Vector2> polygon) => 1 + Math.Max(
        polygon.Max(p => (int)p.X) - polygon.Min(p => (int)p.X), polygon.Max(p => (int)p.Y) - polygon.Min(p => (int)p.Y));

    private void DrawCenter(Complex[] outline, FceTargetOptions options, Span<float> map, int columns, int rows)
    {
        var (upper, lower) = TextSideLines.Of(outline);
        int count = Math.Max((int)((Length(upper) + Length(lower)) / 2 / options.Step) + 1, 3);
        upper = Resample(upper, count);
        lower = Resample(lower, count);
        Array.Reverse(lower);
        // A quarter of the text's height is left out at both ends, where anything remains.
        int head = Shrink(upper[0], lower[0]), tail = Shrink(upper[^1], lower[^1]);
        int first = 0, last = count - 1;
        if (count > head + tail + 2)
        {
            (first, last) = (head, count - 1 - tail);
        }
        // The reference fills all boxes in one even-odd pass, which leaves holes where they overlap; here all of it is centre.
        Span<PixelPoint> box = stackalloc PixelPoint[4];
        for (int i = first; i < last; i++)
        {
            (box[0], box[1]) = (Truncate(Toward(i, upper[i])), Truncate(Toward(i + 1, upper[i + 1])));
            (box[2], box[3]) = (Truncate(Toward(i + 1, lower[i + 1])), Truncate(Toward(i, lower[i])));
            _fill.Fill(box, map, columns, rows, 1f);
        }

        int Shrink(Complex a, Complex b) => (int)Math.Floor(Complex.Abs(a - b) / 4 / options.Step);

        Complex Toward(int i, Complex side)
        {
            var center = (upper[i] + lower[i]) / 2;
            return center + ((side - center) * options.CenterShare);
        }
    }

    private static double Length(Complex[] line)
    {
        double sum = 0;
        for (int i = 1; i < line.Length; i++)
        {
            sum += Complex.Abs(line[i] - line[i - 1]);
        }
        return sum;
    }

    /// <summary>
    /// Points at even distances, both ends among them. Places are single, points are weighted means, as in the reference: its
    /// rounding decides on which side of a whole number a point lies before it is truncated.
    /// </summary>
    private static Complex[] Resample(Complex[] line, int count)
    {
        var result = new Complex[count];
        float step = (float)(Length(line) / (count - 1));
        double start = 0;
        int edge = 0;
        for (int i = 1; i < count - 1; i++)
        {
            double length = Complex.Abs(line[edge + 1] - line[edge]);
            while (edge + 2 < line.Length && i * step > start + length)
            {
                start += length;
                edge++;
                length = Complex.Abs(line[edge + 1] - line[edge]);
            }
            float at = i * step, whole = (float)(length + 1e-8);
            float behind = (float)(at - start) / whole, ahead = (float)(start + length - at) / whole;
            result[i] = (line[edge] * ahead) + (line[edge + 1] * behind);
        }
        (result[0], result[^1]) = (line[0], line[^1]);
        return result;
    }

    private void DrawCoefficients(Complex[] outline, Span<float> parts, int columns, int rows)
    {
        var coefficients = FourierContour.Analyze(outline);
        if (coefficients.Length == 0)
        {
            return;
        }
        int plane = columns * rows;
        if (_inside.Length < plane)
        {
            _inside = new byte[plane];
        }
        var inside = _inside.AsSpan(0, plane);
        inside.Clear();
        _fill.Fill<byte>(Truncate(outline), inside, columns, rows, 1);
        for (int at = inside.IndexOf((byte)1); at >= 0 && at < plane; at++)
        {
            if (inside[at] == 0)
            {
                continue;
            }
            for (int j = 0; j < FourierContour.Coefficients; j++)
            {
                // The contour's centre is told relative to the pixel.
                bool relative = j == FourierContour.Degree;
                parts[(j * plane) + at] = (float)(coefficients[j].Real - (relative ? at % columns : 0));
                parts[((FourierContour.Coefficients + j) * plane) + at] =
                    (float)(coefficients[j].Imaginary - (relative ? at / columns : 0));
            }
        }
    }

    private static PixelPoint Truncate(Complex point) => new((int)point.Real, (int)point.Imaginary);

    private static PixelPoint[] Truncate(Complex[] outline) => Array.ConvertAll(outline, Truncate);
}
