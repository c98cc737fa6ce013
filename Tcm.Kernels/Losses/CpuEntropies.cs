using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Losses;

/// <summary>
/// Cross-entropy of one value against its class. Both forms rise with the difficulty, a number that needs no logarithm, so
/// the hardest values are found by it, and exactly alike at every vector width.
/// </summary>
internal interface IEntropy
{
    /// <summary>The number by which values are ranked.</summary>
    static abstract float Difficulty(float x, bool positive);

    /// <summary>The same; positive where <paramref name="target"/> is above 0.</summary>
    static abstract T Difficulty<T>(T x, T target) where T : struct, IFloatVector<T>;

    /// <summary>The cross-entropy and its derivative by x.</summary>
    static abstract (T Loss, T Slope) Evaluate<T>(T x, T target) where T : struct, IFloatVector<T>;
}

/// <summary>-max(ln q, -100) with q = p for positives, else 1 - p.</summary>
internal readonly struct ProbabilityEntropy : IEntropy
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Difficulty(float x, bool positive) => positive ? 1 - x : x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Difficulty<T>(T x, T target) where T : struct, IFloatVector<T> =>
        T.SelectGreater(target, T.Create(0f), T.Create(1f) - x, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (T Loss, T Slope) Evaluate<T>(T x, T target) where T : struct, IFloatVector<T>
    {
        T zero = T.Create(0f), one = T.Create(1f), other = one - x;
        // The order of min and max lets NaN through.
        T loss = T.Min(T.Create(100f), zero - VectorMath.Log(T.SelectGreater(target, zero, x, other)));
        T slope = T.SelectGreater(target, zero, x - one, x) / T.Max(T.Create(1e-12f), other * x);
        return (loss, slope);
    }
}

/// <summary>ln(1 + e^z) with z = -x for positives, else x.</summary>
internal readonly struct LogitEntropy : IEntropy
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Difficulty(float x, bool positive) => positive ? -x : x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Difficulty<T>(T x, T target) where T : struct, IFloatVector<T> =>
        T.SelectGreater(target, T.Create(0f), T.Create(0f) - x, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (T Loss, T Slope) Evaluate<T>(T x, T target) where T : struct, IFloatVector<T>
    {
        T zero = T.Create(0f), one = T.Create(1f), z = Difficulty(x, target);
        T e = VectorMath.Exp(zero - T.Abs(z));
        T loss = T.Max(zero, z) + VectorMath.Log1P(e);
        T sigmoid = T.SelectGreater(z, zero, one, e) / (one + e);
        return (loss, T.SelectGreater(target, zero, zero - sigmoid, sigmoid));
    }
}
