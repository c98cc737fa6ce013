using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// The one-dimensional transforms of F(4,3) (Lavin and Gray, arXiv 1509.09308) at the points 0, ±a, ±b, ∞ with a = 5/8 and
/// b = 3/2: twice as accurate as the usual ±1, ±2, and all coefficients are exact in single precision. A 4x4 output tile
/// needs a 6x6 input tile and 36 products instead of 144.
/// </summary>
internal static class WinogradTransforms
{
    /// <summary>Output pixels of a tile, on each axis.</summary>
    public const int Output = 4;

    /// <summary>Input pixels of a tile, on each axis.</summary>
    public const int Input = 6;

    /// <summary>Products of a tile.</summary>
    public const int Products = Input * Input;

    private const float A = 0.625f, B = 1.5f;
    private const float A2 = A * A, B2 = B * B;

    /// <summary>r = B^T d</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ForInput<T>(T d0, T d1, T d2, T d3, T d4, T d5,
        out T r0, out T r1, out T r2, out T r3, out T r4, out T r5) where T : struct, IFloatVector<T>
    {
        T sum = T.Create(-(A2 + B2)), product = T.Create(A2 * B2), a = T.Create(A), b = T.Create(B);
        r0 = T.MultiplyAdd(product, d0, T.MultiplyAdd(sum, d2, d4));
        r5 = T.MultiplyAdd(product, d1, T.MultiplyAdd(sum, d3, d5));
        T even = T.MultiplyAdd(T.Create(-B2), d2, d4), odd = a * T.MultiplyAdd(T.Create(-B2), d1, d3);
        r1 = even + odd;
        r2 = even - odd;
        even = T.MultiplyAdd(T.Create(-A2), d2, d4);
        odd = b * T.MultiplyAdd(T.Create(-A2), d1, d3);
        r3 = even + odd;
        r4 = even - odd;
    }

    /// <summary>y = A^T m</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ForOutput<T>(T m0, T m1, T m2, T m3, T m4, T m5, out T y0, out T y1, out T y2, out T y3)
        where T : struct, IFloatVector<T>
    {
        T s = m1 + m2, t = m1 - m2, u = m3 + m4, v = m3 - m4;
        y0 = m0 + s + u;
        y1 = T.MultiplyAdd(T.Create(A), t, T.Create(B) * v);
        y2 = T.MultiplyAdd(T.Create(A2), s, T.Create(B2) * u);
        y3 = T.MultiplyAdd(T.Create(A2 * A), t, T.MultiplyAdd(T.Create(B2 * B), v, m5));
    }

    /// <summary>The 36 values of G g G^T, g a 3x3 filter; in double, rounded once.</summary>
    public static unsafe void ForFilter(float* g, Span<float> u)
    {
        Span<double> points = [0, A, -A, B, -B];
        Span<double> rows = stackalloc double[Input * 3];
        for (int i = 0; i < points.Length; i++)
        {
            double scale = 1;
            for (int j = 0; j < points.Length; j++)
            {
                scale *= i == j ? 1 : points[i] - points[j];
            }
            rows[3 * i] = 1 / scale;
            rows[(3 * i) + 1] = points[i] / scale;
            rows[(3 * i) + 2] = points[i] * points[i] / scale;
        }
        rows[17] = 1;
        Span<double> half = stackalloc double[Input * 3];
        for (int i = 0; i < Input; i++)
        {
            for (int c = 0; c < 3; c++)
            {
                half[(3 * i) + c] = (rows[3 * i] * g[c]) + (rows[(3 * i) + 1] * g[3 + c]) + (rows[(3 * i) + 2] * g[6 + c]);
            }
        }
        for (int i = 0; i < Input; i++)
        {
            for (int j = 0; j < Input; j++)
            {
                u[(Input * i) + j] = (float)((half[3 * i] * rows[3 * j]) + (half[(3 * i) + 1] * rows[(3 * j) + 1])
                    + (half[(3 * i) + 2] * rows[(3 * j) + 2]));
            }
        }
    }
}
