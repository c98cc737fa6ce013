using ILGPU;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Pooling;

// dx = dy / kernel^2 in each block, 0 where no block is. Each input asks for its block, so that nothing is added twice.
//   V1 Naive  one thread an input, any kernel.
//   V2 Two    kernel 2, even width: one thread two neighbours of a row, one 64-bit store. <- default where it fits
internal static class PoolingGradientKernels
{
    public static void Naive(PoolGradientArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Threads)
        {
            return;
        }
        int column = i % args.W / args.Kernel, row = i / args.W % args.H / args.Kernel, plane = i / (args.W * args.H);
        args.Dx[i] = row < args.OutH && column < args.OutW
            ? args.Dy[(plane * args.OutH + row) * args.OutW + column] / (args.Kernel * args.Kernel)
            : 0;
    }

    public static void Two(PoolGradientArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Threads)
        {
            return;
        }
        int column = i % args.OutW, row = i / args.OutW % args.H / 2, plane = i / (args.OutW * args.H);
        float value = row < args.OutH ? 0.25f * args.Dy[(plane * args.OutH + row) * args.OutW + column] : 0;
        args.Dx.Cast<Float2>()[i] = new Float2(value, value);
    }

    public static GpuKernel<PoolGradientArgs> NaiveKernel { get; } = new(Naive);

    public static GpuKernel<PoolGradientArgs> TwoKernel { get; } = new(Two);

    public static IEnumerable<GpuKernel> All => [NaiveKernel, TwoKernel];
}

/// <summary>Arguments of <see cref="PoolingGradientKernels"/>.</summary>
internal struct PoolGradientArgs
{
    public ArrayView<float> Dy, Dx;
    public int Threads, H, W, OutH, OutW, Kernel;
}
