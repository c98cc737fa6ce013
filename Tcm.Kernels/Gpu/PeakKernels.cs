using ILGPU;

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

    public static GpuKernel<PeakArgs> ChainsKernel { get; } = new(Chains);

    public static IEnumerable<GpuKernel> All => [ChainsKernel];
}

/// <summary>Arguments of the peak kernel.</summary>
internal struct PeakArgs
{
    public ArrayView<float> Y;
    public float Factor, Term;
    public int Steps;
}
