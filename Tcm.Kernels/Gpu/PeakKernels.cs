using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// The ceiling of single-precision arithmetic, measured: chains of multiply-adds on registers and nothing else. Benchmarks
/// divide by what it reaches.
/// </summary>
internal static class PeakKernels
{
    /// <summary>Multiply-adds of a thread in one step of its loop: eight chains hide the latency of the unit.</summary>
    public const int PerStep = 32;

    public static void Chains(PeakArgs args)
    {
        float a = args.Factor, b = args.Term, start = Group.IdxX;
        float x0 = start, x1 = start + 1, x2 = start + 2, x3 = start + 3, x4 = start + 4, x5 = start + 5, x6 = start + 6, x7 = start + 7;
        for (int step = 0; step < args.Steps; step++)
        {
            x0 = (x0 * a) + b; x1 = (x1 * a) + b; x2 = (x2 * a) + b; x3 = (x3 * a) + b;
            x4 = (x4 * a) + b; x5 = (x5 * a) + b; x6 = (x6 * a) + b; x7 = (x7 * a) + b;
            x0 = (x0 * a) + b; x1 = (x1 * a) + b; x2 = (x2 * a) + b; x3 = (x3 * a) + b;
            x4 = (x4 * a) + b; x5 = (x5 * a) + b; x6 = (x6 * a) + b; x7 = (x7 * a) + b;
            x0 = (x0 * a) + b; x1 = (x1 * a) + b; x2 = (x2 * a) + b; x3 = (x3 * a) + b;
            x4 = (x4 * a) + b; x5 = (x5 * a) + b; x6 = (x6 * a) + b; x7 = (x7 * a) + b;
            x0 = (x0 * a) + b; x1 = (x1 * a) + b; x2 = (x2 * a) + b; x3 = (x3 * a) + b;
            x4 = (x4 * a) + b; x5 = (x5 * a) + b; x6 = (x6 * a) + b; x7 = (x7 * a) + b;
        }
        args.Y[(Grid.IdxX * Group.DimX) + Group.IdxX] = x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7;
    }

    /// <summary>Multiplications of fragments of a warp in one step of <see cref="TensorChains"/>.</summary>
    public const int FragmentsPerStep = 16;

    /// <summary>The same for mma.sync, with sums in sixteen chains: what tensor cores reach without memory.</summary>
    public static void TensorChains<TCore>(PeakArgs args) where TCore : struct, ITensorCore
    {
        // Registers alone: the instruction needs nothing of the group.
        var group = default(TensorGroup);
        uint seed = (uint)Group.IdxX;
        Word4 a0 = new(seed, seed + 1, seed + 2, seed + 3), a1 = new(seed + 4, seed + 5, seed + 6, seed + 7);
        Word4 b01 = new(seed + 8, seed + 9, seed + 10, seed + 11), b23 = new(seed + 12, seed + 13, seed + 14, seed + 15);
        Fragments32x32 first = default, second = default;
        for (int step = 0; step < args.Steps; step++)
        {
            first.Add<TCore>(group, a0, a1, b01, b23);
            second.Add<TCore>(group, a1, a0, b23, b01);
        }
        args.Y[(Grid.IdxX * Group.DimX) + Group.IdxX] = Sum(first) + Sum(second);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(Fragments32x32 c) => Sum(c.C00) + Sum(c.C01) + Sum(c.C02) + Sum(c.C03) + Sum(c.C10) + Sum(c.C11)
        + Sum(c.C12) + Sum(c.C13);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(Float4 c) => c.X + c.Y + c.Z + c.W;

    public static GpuKernel<PeakArgs> ChainsKernel { get; } = new(Chains);

    /// <summary>In the order of <see cref="Precision"/>, from TF32 on.</summary>
    public static GpuKernel<PeakArgs>[] TensorKernels { get; } =
        [new(TensorChains<Tf32Core>), new(TensorChains<Fp16Core>), new(TensorChains<Bf16Core>)];

    public static IEnumerable<GpuKernel> All => [ChainsKernel, .. TensorKernels];
}

/// <summary>Arguments of the peak kernel.</summary>
internal struct PeakArgs
{
    public ArrayView<float> Y;
    public float Factor, Term;
    public int Steps;
}
