using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Tcm.Detect.Geometry;

namespace Tcm.Detect.Heads.Fce;

/// <summary>
/// Closed contours as Fourier series (FCENet section 3.2; heads.md section 4.2): z(t) = sum over m = -5..5 of c_m e^(2 pi i m t)
/// with z = x + i y. The parts of a contour are the real parts of c_-5 to c_5 and then their imaginary parts. Thread-safe.
/// </summary>
internal sealed class FourierContour
{
    /// <summary>Largest frequency k.</summary>
    public const int Degree = 5;

    /// <summary>Number of coefficients.</summary>
    public const int Coefficients = (2 * Degree) + 1;

    /// <summary>Number of real values of a contour.</summary>
    public const int Parts = 2 * Coefficients;

    // (coefficients, points)
    private readonly double[] _cos, _sin;

    /// <param name="points">Points of a reconstructed contour: t = 0, 1 / points, ...</param>
    public FourierContour(int points)
    {
        Points = points;
        _cos = new double[points * Coefficients];
        _sin = new double[points * Coefficients];
        for (int n = 0; n < points; n++)
        {
            for (int j = 0; j < Coefficients; j++)
            {
                // Reduced to one turn first, so that points a quarter turn apart are exact to the last bit that sin has.
                int step = (int)((((long)(j - Degree) * n % points) + points) % points);
                (_sin[(j * points) + n], _cos[(j * points) + n]) = Math.SinCos(2 * Math.PI * step / points);
            }
        }
    }

    /// <summary>Points of a reconstructed contour.</summary>
    public int Points { get; }

    /// <summary>The points' x, or y, as a linear map of a contour's parts: a matrix (points, parts).</summary>
    public float[] Matrix(bool vertical)
    {
        var matrix = new float[Points * Parts];
        for (int n = 0; n < Points; n++)
        {
            for (int j = 0; j < Coefficients; j++)
            {
                double cos = _cos[(j * Points) + n], sin = _sin[(j * Points) + n];
                matrix[(n * Parts) + j] = (float)(vertical ? sin : cos);
                matrix[(n * Parts) + Coefficients + j] = (float)(vertical ? cos : -sin);
            }
        }
        return matrix;
    }

    /// <summary>
    /// The contour that a pixel of a level predicts, in network pixels truncated to whole numbers as the reference does.
    /// </summary>
    /// <param name="parts">In pixels of the level, c_0 relative to the pixel.</param>
    /// <param name="x">Column of the pixel.</param>
    /// <param name="y">Row of the pixel.</param>
    /// <param name="stride">Network pixels per pixel of the level.</param>
    /// <returns>Null where a coefficient is no number, or too large to be a picture's.</returns>
    public PixelPoint[]? Reconstruct(ReadOnlySpan<float> parts, int x, int y, int stride)
    {
        const float Most = 1 << 20;
        Span<double> real = stackalloc double[Coefficients], imaginary = stackalloc double[Coefficients];
        for (int j = 0; j < Coefficients; j++)
        {
            float re = parts[j], im = parts[Coefficients + j];
            if (j == Degree)
            {
                re += x;
                im += y;
            }
            if (!(MathF.Abs(re) <= Most && MathF.Abs(im) <= Most))
            {
                return null;
            }
            real[j] = re * stride;
            imaginary[j] = im * stride;
        }
        return Sum(real, imaginary);
    }

    private PixelPoint[] Sum(ReadOnlySpan<double> real, ReadOnlySpan<double> imaginary)
    {
        var contour = new PixelPoint[Points];
        ref double cos = ref MemoryMarshal.GetArrayDataReference(_cos), sin = ref MemoryMarshal.GetArrayDataReference(_sin);
        int n = 0;
        // Each point's sum is taken in the same order as below, so that it truncates to the same whole numbers.
        for (; n + Vector256<double>.Count <= Points; n += Vector256<double>.Count)
        {
            Vector256<double> px = default, py = default;
            for (int j = 0; j < Coefficients; j++)
            {
                var c = Vector256.LoadUnsafe(ref cos, (nuint)((j * Points) + n));
                var s = Vector256.LoadUnsafe(ref sin, (nuint)((j * Points) + n));
                px += (real[j] * c) - (imaginary[j] * s);
                py += (real[j] * s) + (imaginary[j] * c);
            }
            for (int i = 0; i < Vector256<double>.Count; i++)
            {
                contour[n + i] = new PixelPoint((int)px[i], (int)py[i]);
            }
        }
        for (; n < Points; n++)
        {
            double px = 0, py = 0;
            for (int j = 0; j < Coefficients; j++)
            {
                double c = _cos[(j * Points) + n], s = _sin[(j * Points) + n];
                px += (real[j] * c) - (imaginary[j] * s);
                py += (real[j] * s) + (imaginary[j] * c);
            }
            contour[n] = new PixelPoint((int)px, (int)py);
        }
        return contour;
    }

    /// <summary>
    /// Coefficients c_-5 to c_5 of a polygon (heads.md section 4.4): its outline at about 400 even steps, from its top centre,
    /// in the direction in which c_1 is greater than c_-1. Empty for a polygon without length.
    /// </summary>
    public static Complex[] Analyze(ReadOnlySpan<Complex> polygon)
    {
        var outline = Resample(polygon);
        if (outline.Count == 0)
        {
            return [];
        }
        int start = TopCenter(outline), count = outline.Count;
        var result = new Complex[Coefficients];
        for (int m = -Degree; m <= Degree; m++)
        {
            var sum = Complex.Zero;
            for (int i = 0; i < count; i++)
            {
                var (sin, cos) = Math.SinCos(-2 * Math.PI * (m * i % count) / count);
                sum += outline[(start + i) % count] * new Complex(cos, sin);
            }
            result[m + Degree] = sum / count;
        }
        double forward = Complex.Abs(result[Degree + 1]), back = Complex.Abs(result[Degree - 1]);
        bool keep = forward > back
            || (forward == back && Complex.Abs(result[Degree + 2]) > Complex.Abs(result[Degree - 2]));
        if (!keep)
        {
            Array.Reverse(result);
        }
        return result;
    }

    /// <summary>Each edge takes its share of 400 steps, rounded down, and is divided evenly.</summary>
    private static List<Complex> Resample(ReadOnlySpan<Complex> polygon)
    {
        const int Steps = 400;
        var lengths = new double[polygon.Length];
        for (int i = 0; i < lengths.Length; i++)
        {
            lengths[i] = Complex.Abs(polygon[(i + 1) % polygon.Length] - polygon[i]);
        }
        double total = lengths.Sum() + 1e-8;
        var points = new List<Complex>(Steps);
        for (int i = 0; i < lengths.Length; i++)
        {
            int steps = (int)(lengths[i] / total * Steps);
            var step = (polygon[(i + 1) % polygon.Length] - polygon[i]) / Math.Max(steps, 1);
            for (int j = 0; j < steps; j++)
            {
                points.Add(polygon[i] + (step * j));
            }
        }
        return points;
    }

    /// <summary>The uppermost of the eight points whose x is nearest to the mean.</summary>
    private static int TopCenter(List<Complex> outline)
    {
        const int Nearest = 8;
        double mean = outline.Average(p => p.Real);
        return Enumerable.Range(0, outline.Count).OrderBy(i => Math.Abs(outline[i].Real - mean)).Take(Nearest)
            .MinBy(i => outline[i].Imaginary);
    }
}
