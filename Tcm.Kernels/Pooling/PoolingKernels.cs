using ILGPU;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Pooling;

// y[p,i,j] = mean of the kernel x kernel block of x[p] at (i*kernel, j*kernel).
//   V1 Naive  one thread an output, any kernel.
//   V2 Two    kernel 2, even width: one thread an output, the two rows of its block by 64-bit loads. <- default where it fits
internal static class PoolingKernels
{
    public static void Naive(PoolArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Outputs)
        {
            return;
        }
        int column = i % args.OutW, row = i / args.OutW % args.OutH, plane = i / (args.OutW * args.OutH);
        int at = (plane * args.H + row * args.Kernel) * args.W + column * args.Kernel;
        float sum = 0;
        for (int r = 0; r < args.Kernel; r++)
        {
            for (int s = 0; s < args.Kernel; s++)
            {
                sum += args.X[at + r * args.W + s];
            }
        }
        args.Y[i] = sum / (args.Kernel * args.Kernel);
    }

    public static void Two(PoolArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Outputs)
        {
            return;
        }
        int column = i % args.OutW, row = i / args.OutW % args.OutH, plane = i / (args.OutW * args.OutH);
        var pairs = args.X.Cast<Float2>();
        int at = (plane * args.H + row * 2) * (args.W / 2) + column;
        Float2 top = pairs[at], bottom = pairs[at + args.W / 2];
        args.Y[i] = 0.25f * (top.X + top.Y + bottom.X + bottom.Y);
    }

    public static GpuKernel<PoolArgs> NaiveKernel { get; } = new(Naive);

    public static GpuKernel<PoolArgs> TwoKernel { get; } = new(Two);

    public static IEnumerable<GpuKernel> All => [NaiveKernel, TwoKernel];
}

/// <summary>Arguments of the pooling kernels.</summary>
internal struct PoolArgs
{
    public ArrayView<float> X, Y;
    public int Outputs, H, W, OutH, OutW, Kernel;
}
