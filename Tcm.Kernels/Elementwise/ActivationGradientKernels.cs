using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Elementwise;

/// <summary>The derivative of an activation at x, where its value is y.</summary>
internal interface IGpuSlope
{
    static abstract float At(float x, float y);
}

/// <summary>1 where the result is positive, else 0</summary>
internal readonly struct GpuReluSlope : IGpuSlope
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float At(float x, float y) => y > 0 ? 1f : 0f;
}

/// <summary>s + 1.702 x s (1 - s) with s = sigmoid(1.702 x)</summary>
internal readonly struct GpuQuickGeluSlope : IGpuSlope
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float At(float x, float y)
    {
        float s = 1 / (1 + XMath.Exp(-1.702f * x));
        return s + 1.702f * x * s * (1 - s);
    }
}

/// <summary>Phi(x) + x phi(x) with the normal distribution Phi and its density phi</summary>
internal readonly struct GpuGeluSlope : IGpuSlope
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float At(float x, float y) => GpuGelu.Distribution(x) + 0.39894228f * x * XMath.Exp(-0.5f * x * x);
}

/// <summary>y (1 - y)</summary>
internal readonly struct GpuSigmoidSlope : IGpuSlope
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float At(float x, float y) => y * (1 - y);
}

// dx = dy * f'(x); dx may be dy. Memory-bound; indices are 64 bits wide because a map may cover any tensor.
//   V1 Map   one thread an element.
//   V2 Map4  one thread four neighbours, 128-bit loads and stores where slices start on 16 bytes. <- default
internal static class ActivationGradientKernels
{
    public static void Map<T>(SlopeArgs args) where T : struct, IGpuSlope
    {
        long i = (long)Grid.IdxX * Group.DimX + Group.IdxX;
        if (i < args.Length)
        {
            args.Dx[i] = args.Dy[i] * T.At(args.X[i], args.Y[i]);
        }
    }

    public static void Map4<T>(SlopeArgs args) where T : struct, IGpuSlope
    {
        long i = ((long)Grid.IdxX * Group.DimX + Group.IdxX) * 4;
        if (i + 3 < args.Length)
        {
            Float4 x = args.X.Cast<Float4>()[i / 4], y = args.Y.Cast<Float4>()[i / 4], dy = args.Dy.Cast<Float4>()[i / 4];
            args.Dx.Cast<Float4>()[i / 4] = new Float4(dy.X * T.At(x.X, y.X), dy.Y * T.At(x.Y, y.Y), dy.Z * T.At(x.Z, y.Z),
                dy.W * T.At(x.W, y.W));
        }
        else
        {
            for (; i < args.Length; i++)
            {
                args.Dx[i] = args.Dy[i] * T.At(args.X[i], args.Y[i]);
            }
        }
    }

    /// <summary>V1 and V2 of one activation.</summary>
    public sealed record Pair<T>(GpuKernel<SlopeArgs> Scalar, GpuKernel<SlopeArgs> Vector) where T : struct, IGpuSlope
    {
        public Pair() : this(new(Map<T>), new(Map4<T>)) { }
    }

    public static Pair<GpuReluSlope> Relu { get; } = new();

    public static Pair<GpuQuickGeluSlope> QuickGelu { get; } = new();

    public static Pair<GpuGeluSlope> Gelu { get; } = new();

    public static Pair<GpuSigmoidSlope> Sigmoid { get; } = new();

    public static IEnumerable<GpuKernel> All =>
    [
        Relu.Scalar, Relu.Vector, QuickGelu.Scalar, QuickGelu.Vector, Gelu.Scalar, Gelu.Vector, Sigmoid.Scalar, Sigmoid.Vector,
    ];
}

/// <summary>Arguments of <see cref="ActivationGradientKernels"/>.</summary>
internal struct SlopeArgs
{
    public ArrayView<float> X, Y, Dy, Dx;
    public long Length;
}
