using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tcm.Kernels.Cpu;

/// <summary>
/// Element-wise functions of vectors, for every width. Errors: Exp, Log, Log1P and Sigmoid within 2 ulp; QuickGelu and Gelu within 2 ulp
/// of the larger of result and input. Every width computes the same bits on processors with fused multiply-add.
/// </summary>
internal static class VectorMath
{
    /// <summary>2^23 * 1.5: adding it rounds a small float to an integer, which then sits in the low bits.</summary>
    public const float Magic = 12582912f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Exp(Vector128<float> x) => Exp(new Floats4(x)).Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> x) => Exp(new Floats8(x)).Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x) => Exp(new Floats16(x)).Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sigmoid(Vector128<float> x) => Sigmoid(new Floats4(x)).Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Sigmoid(Vector256<float> x) => Sigmoid(new Floats8(x)).Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x) => Sigmoid(new Floats16(x)).Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> QuickGelu(Vector128<float> x) => QuickGelu(new Floats4(x)).Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> QuickGelu(Vector256<float> x) => QuickGelu(new Floats8(x)).Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> QuickGelu(Vector512<float> x) => QuickGelu(new Floats16(x)).Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Gelu(Vector128<float> x) => Gelu(new Floats4(x)).Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Gelu(Vector256<float> x) => Gelu(new Floats8(x)).Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Gelu(Vector512<float> x) => Gelu(new Floats16(x)).Value;

    /// <summary>e^x = 2^n e^r with n = round(x / ln 2) and |r| at most ln(2)/2, where a polynomial of degree 7 does
    /// (coefficients of Cephes' expf). Underflows to 0, overflows to infinity, keeps NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp<T>(T x) where T : struct, IFloatVector<T>
    {
        x = T.Max(T.Create(-104f), T.Min(T.Create(89f), x));
        T biasedN = T.MultiplyAdd(x, T.Create(1.44269504f), T.Create(Magic));
        T n = biasedN - T.Create(Magic);
        // ln 2 in two parts, so that r keeps all its bits.
        T r = T.MultiplyAdd(n, T.Create(-0.693359375f), x);
        r = T.MultiplyAdd(n, T.Create(2.12194440e-4f), r);
        T p = T.MultiplyAdd(T.Create(1.9875691500e-4f), r, T.Create(1.3981999507e-3f));
        p = T.MultiplyAdd(p, r, T.Create(8.3334519073e-3f));
        p = T.MultiplyAdd(p, r, T.Create(4.1665795894e-2f));
        p = T.MultiplyAdd(p, r, T.Create(1.6666665459e-1f));
        p = T.MultiplyAdd(p, r, T.Create(5.0000001201e-1f));
        p = T.MultiplyAdd(p, r * r, r) + T.Create(1f);
        return T.ScaleByPowerOfTwo(p, biasedN);
    }

    /// <summary>2^r - 1 over r for |r| at most 1/2, highest power first (coefficients of Cephes' exp2f).</summary>
    public static ReadOnlySpan<float> Exp2Coefficients =>
        [1.535336188e-4f, 1.339887440e-3f, 9.618437357e-3f, 5.550332471e-2f, 2.402264791e-1f, 6.931472029e-1f];

    /// <summary>2^x for softmax, whose x is at most 0: below -125 it stays what it is there, 2e-38. Error 2 ulp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp2<T>(T x) where T : struct, IFloatVector<T>
    {
        x = T.Max(T.Create(-125f), x);
        T biasedN = x + T.Create(Magic), r = x - (biasedN - T.Create(Magic));
        var c = Exp2Coefficients;
        T p = T.MultiplyAdd(T.Create(c[0]), r, T.Create(c[1]));
        p = T.MultiplyAdd(p, r, T.Create(c[2]));
        p = T.MultiplyAdd(p, r, T.Create(c[3]));
        p = T.MultiplyAdd(p, r, T.Create(c[4]));
        p = T.MultiplyAdd(p, r, T.Create(c[5]));
        p = T.MultiplyAdd(p, r, T.Create(1f));
        return T.ScaleNormal(p, biasedN);
    }

    /// <summary>
    /// ln x = n ln 2 + ln m with m in [sqrt(1/2), sqrt(2)), where a polynomial does (coefficients of Cephes' logf). Minus
    /// infinity for 0, NaN below; keeps NaN and infinity, and serves subnormal numbers.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Log<T>(T x) where T : struct, IFloatVector<T>
    {
        T zero = T.Create(0f), smallestNormal = T.Create(1.17549435e-38f);
        T normal = T.SelectGreater(smallestNormal, x, x * T.Create(16777216f), x);
        var (m, n) = T.Split(normal);
        n -= T.SelectGreater(smallestNormal, x, T.Create(24f), zero);
        T f = m - T.Create(1f), s = f * f;
        T p = T.MultiplyAdd(T.Create(7.0376836292e-2f), f, T.Create(-1.1514610310e-1f));
        p = T.MultiplyAdd(p, f, T.Create(1.1676998740e-1f));
        p = T.MultiplyAdd(p, f, T.Create(-1.2420140846e-1f));
        p = T.MultiplyAdd(p, f, T.Create(1.4249322787e-1f));
        p = T.MultiplyAdd(p, f, T.Create(-1.6668057665e-1f));
        p = T.MultiplyAdd(p, f, T.Create(2.0000714765e-1f));
        p = T.MultiplyAdd(p, f, T.Create(-2.4999993993e-1f));
        p = T.MultiplyAdd(p, f, T.Create(3.3333331174e-1f));
        // ln 2 in two parts, as in Exp.
        T y = T.MultiplyAdd(T.Create(-2.12194440e-4f), n, p * s * f);
        y = T.MultiplyAdd(T.Create(-0.5f), s, y) + f;
        y = T.MultiplyAdd(T.Create(0.693359375f), n, y);
        // x - x is NaN for NaN and infinity; infinity gets its value back.
        y = T.SelectGreater(x, T.Create(float.MaxValue), x, y + (x - x));
        y = T.SelectGreater(x, zero, y, T.Create(float.NegativeInfinity) + (x - x));
        return T.SelectGreater(zero, x, T.Create(float.NaN), y);
    }

    /// <summary>ln(1 + x) for 0 &lt;= x &lt;= 1, without loss where x is small.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Log1P<T>(T x) where T : struct, IFloatVector<T>
    {
        // What 1 + x has lost of x comes back with the slope of the logarithm there.
        T sum = T.Create(1f) + x;
        return Log(sum) + (x - (sum - T.Create(1f))) / sum;
    }

    /// <summary>1 / (1 + exp(-x))</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid<T>(T x) where T : struct, IFloatVector<T> =>
        T.Create(1f) / (T.Create(1f) + Exp(T.Create(0f) - x));

    /// <summary>x / (1 + exp(-1.702 x)) = x * sigmoid(1.702 x)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T QuickGelu<T>(T x) where T : struct, IFloatVector<T> =>
        x / (T.Create(1f) + Exp(x * T.Create(-1.702f)));

    /// <summary>x * (1 + erf(x / sqrt 2)) / 2</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Gelu<T>(T x) where T : struct, IFloatVector<T>
    {
        T half = x * T.Create(0.5f);
        return T.MultiplyAdd(half, Erf(x * T.Create(0.707106781f)), half);
    }

    /// <summary>
    /// erf(x), after N. Juffa's single-precision minimax approximations: an odd polynomial up to 475/512, 1 - exp(polynomial)
    /// beyond.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Erf<T>(T x) where T : struct, IFloatVector<T>
    {
        T t = T.Abs(x), s = x * x;
        T tail = T.MultiplyAdd(T.Create(-1.72853470e-5f), t, T.Create(3.83197126e-4f));
        T u = T.MultiplyAdd(T.Create(-3.88396438e-3f), t, T.Create(2.42546219e-2f));
        tail = T.MultiplyAdd(tail, s, u);
        tail = T.MultiplyAdd(tail, t, T.Create(-1.06777877e-1f));
        tail = T.MultiplyAdd(tail, t, T.Create(-6.34846687e-1f));
        tail = T.MultiplyAdd(tail, t, T.Create(-1.28717512e-1f));
        tail = T.MultiplyAdd(tail, t, T.Create(0f) - t);
        tail = T.CopySign(T.Create(1f) - Exp(tail), x);
        T near = T.MultiplyAdd(T.Create(-5.96761703e-4f), s, T.Create(4.99119423e-3f));
        near = T.MultiplyAdd(near, s, T.Create(-2.67681349e-2f));
        near = T.MultiplyAdd(near, s, T.Create(1.12819925e-1f));
        near = T.MultiplyAdd(near, s, T.Create(-3.76125336e-1f));
        near = T.MultiplyAdd(near, s, T.Create(1.28379166e-1f));
        near = T.MultiplyAdd(near, x, x);
        return T.SelectGreater(t, T.Create(0.927734375f), tail, near);
    }
}
