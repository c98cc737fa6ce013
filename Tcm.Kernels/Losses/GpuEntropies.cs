using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace Tcm.Kernels.Losses;

/// <summary>Cross-entropy of one value against its class, as <see cref="IEntropy"/>; positive where t is above 0.</summary>
internal interface IGpuEntropy
{
    static abstract float Difficulty(float x, float t);

    static abstract float Loss(float x, float t);

    static abstract float Slope(float x, float t);
}

/// <summary>-max(ln q, -100) with q = p for positives, else 1 - p.</summary>
internal readonly struct GpuProbabilityEntropy : IGpuEntropy
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Difficulty(float x, float t) => t > 0 ? 1 - x : x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Loss(float x, float t)
    {
        float loss = -XMath.Log(t > 0 ? x : 1 - x);
        return loss > 100 ? 100 : loss;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Slope(float x, float t)
    {
        float product = x * (1 - x);
        return (t > 0 ? x - 1 : x) / (product < 1e-12f ? 1e-12f : product);
    }
}

/// <summary>ln(1 + e^z) with z = -x for positives, else x.</summary>
internal readonly struct GpuLogitEntropy : IGpuEntropy
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Difficulty(float x, float t) => t > 0 ? -x : x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Loss(float x, float t)
    {
        float z = Difficulty(x, t), e = XMath.Exp(z > 0 ? -z : z), sum = 1 + e;
        return (z < 0 ? 0 : z) + XMath.Log(sum) + (e - (sum - 1)) / sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Slope(float x, float t)
    {
        float z = Difficulty(x, t), e = XMath.Exp(z > 0 ? -z : z);
        float sigmoid = (z > 0 ? 1 : e) / (1 + e);
        return t > 0 ? -sigmoid : sigmoid;
    }
}
