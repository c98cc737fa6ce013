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

    // Row i of G is (1, p, p^2) / product of (p - q) over the other finite points q.
    private const float AtZero = 1 / (A2 * B2), AtA = 1 / (2 * A2 * (A2 - B2)), AtB = 1 / (2 * B2 * (B2 - A2));

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

    /// <summary>u = G g</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ForFilter<T>(T g0, T g1, T g2, out T u0, out T u1, out T u2, out T u3, out T u4, out T u5)
        where T : struct, IFloatVector<T>
    {
        u0 = T.Create(AtZero) * g0;
        u5 = g2;
        T even = T.MultiplyAdd(T.Create(A2), g2, g0), odd = T.Create(A) * g1, scale = T.Create(AtA);
        u1 = scale * (even + odd);
        u2 = scale * (even - odd);
        even = T.MultiplyAdd(T.Create(B2), g2, g0);
        odd = T.Create(B) * g1;
        scale = T.Create(AtB);
        u3 = scale * (even + odd);
        u4 = scale * (even - odd);
    }

    /// <summary>m = A y, the transpose of <see cref="ForOutput"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ForOutputGradient<T>(T y0, T y1, T y2, T y3,
        out T m0, out T m1, out T m2, out T m3, out T m4, out T m5) where T : struct, IFloatVector<T>
    {
        m0 = y0;
        m5 = y3;
        T even = T.MultiplyAdd(T.Create(A2), y2, y0), odd = T.Create(A) * T.MultiplyAdd(T.Create(A2), y3, y1);
        m1 = even + odd;
        m2 = even - odd;
        even = T.MultiplyAdd(T.Create(B2), y2, y0);
        odd = T.Create(B) * T.MultiplyAdd(T.Create(B2), y3, y1);
        m3 = even + odd;
        m4 = even - odd;
    }

    /// <summary>g = G^T u, the transpose of <see cref="ForFilter"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ForFilterGradient<T>(T u0, T u1, T u2, T u3, T u4, T u5, out T g0, out T g1, out T g2)
        where T : struct, IFloatVector<T>
    {
        T a = T.Create(AtA), b = T.Create(AtB), even = a * (u1 + u2), odd = a * (u1 - u2);
        T evenB = b * (u3 + u4), oddB = b * (u3 - u4);
        g0 = T.MultiplyAdd(T.Create(AtZero), u0, even + evenB);
        g1 = T.MultiplyAdd(T.Create(A), odd, T.Create(B) * oddB);
        g2 = T.MultiplyAdd(T.Create(A2), even, T.MultiplyAdd(T.Create(B2), evenB, u5));
    }
}
