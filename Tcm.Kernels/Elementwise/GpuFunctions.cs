using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace Tcm.Kernels.Elementwise;

/// <summary>An activation as a generic argument of kernels, so that it compiles into the epilogue of each.</summary>
internal interface IGpuActivation
{
    static abstract float Apply(float x);
}

/// <summary>x</summary>
internal readonly struct GpuIdentity : IGpuActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Apply(float x) => x;
}

/// <summary>max(x, 0)</summary>
internal readonly struct GpuRelu : IGpuActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Apply(float x) => x > 0 ? x : 0;
}

/// <summary>x * sigmoid(1.702 x)</summary>
internal readonly struct GpuQuickGelu : IGpuActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Apply(float x) => x / (1 + XMath.Exp(-1.702f * x));
}

/// <summary>1 / (1 + exp(-x))</summary>
internal readonly struct GpuSigmoid : IGpuActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Apply(float x) => 1 / (1 + XMath.Exp(-x));
}

/// <summary>x * (1 + erf(x / sqrt 2)) / 2</summary>
internal readonly struct GpuGelu : IGpuActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Apply(float x) => x * Distribution(x);

    /// <summary>
    /// (1 + erf(x / sqrt 2)) / 2. With z = |x| / sqrt 2, erfc(z) = t (a1 + t (a2 + ...)) exp(-z^2), t = 1 / (1 + p z):
    /// Abramowitz and Stegun 7.1.26, absolute error 1.5e-7. Written with erfc, so that the negative tail does not cancel.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Distribution(float x)
    {
        float z = 0.70710678f * (x < 0 ? -x : x);
        float t = 1 / (1 + 0.3275911f * z);
        float polynomial = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f
            + t * 1.061405429f))));
        float half = 0.5f * polynomial * XMath.Exp(-z * z);
        return x < 0 ? half : 1 - half;
    }
}

/// <summary>A function of one value, as a kernel argument.</summary>
internal interface IGpuUnary
{
    float Apply(float x);
}

/// <summary>An activation as a unary map.</summary>
internal struct GpuActivate<T> : IGpuUnary where T : struct, IGpuActivation
{
    /// <summary>Keeps the struct, a part of the kernel's arguments, from being empty: there C# has one byte, PTX none.</summary>
    public int Unused;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly float Apply(float x) => T.Apply(x);
}

/// <summary>
/// An activation chosen when the kernel runs, by a branch that all threads take the same way: for kernels that are too large
/// to exist once for each activation.
/// </summary>
internal readonly struct GpuActivationByNumber(int activation) : IGpuUnary
{
    private readonly int _activation = activation;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Apply(float x)
    {
        float y = x;
        if (_activation == (int)Activation.Relu)
        {
            y = GpuRelu.Apply(x);
        }
        else if (_activation == (int)Activation.QuickGelu)
        {
            y = GpuQuickGelu.Apply(x);
        }
        else if (_activation == (int)Activation.Gelu)
        {
            y = GpuGelu.Apply(x);
        }
        else if (_activation == (int)Activation.Sigmoid)
        {
            y = GpuSigmoid.Apply(x);
        }
        return y;
    }
}

/// <summary>scale * x + offset</summary>
internal readonly struct GpuAffine(float scale, float offset) : IGpuUnary
{
    private readonly float _scale = scale, _offset = offset;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Apply(float x) => _scale * x + _offset;
}

/// <summary>A function of two values, as a kernel argument.</summary>
internal interface IGpuBinary
{
    float Apply(float a, float b);
}

/// <summary>a + scale * b: addition with 1, subtraction with -1.</summary>
internal readonly struct GpuAddScaled(float scale) : IGpuBinary
{
    private readonly float _scale = scale;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Apply(float a, float b) => a + _scale * b;
}

/// <summary>a * b</summary>
internal struct GpuProduct : IGpuBinary
{
    /// <summary>As in <see cref="GpuActivate{T}"/>.</summary>
    public int Unused;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly float Apply(float a, float b) => a * b;
}
