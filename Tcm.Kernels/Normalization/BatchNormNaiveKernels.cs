using ILGPU;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Normalization;

// V1 of the two kernels of BatchNormKernels that sum: one thread takes a block of a channel, value after value.
internal static class BatchNormNaiveKernels
{
    private const int GroupSize = 64;

    /// <summary>Mean and squared distances of each block, where <see cref="BatchNormKernels.Moments"/> writes them.</summary>
    public static void Moments(BatchNormArgs args)
    {
        int task = Grid.IdxX * Group.DimX + Group.IdxX, block = task / args.C, channel = task - block * args.C;
        if (block >= args.Blocks)
        {
            return;
        }
        int first = block * BatchNormKernels.Block;
        int end = first + BatchNormKernels.Block < args.Count ? first + BatchNormKernels.Block : args.Count;
        float sum = 0;
        var cursor = new ChannelCursor(args.C, args.Pixels, channel, first);
        for (int i = first; i < end; i++)
        {
            sum += args.X[cursor.At];
            cursor.Advance(1);
        }
        float mean = sum / (end - first), squares = 0;
        cursor = new ChannelCursor(args.C, args.Pixels, channel, first);
        for (int i = first; i < end; i++)
        {
            float d = args.X[cursor.At] - mean;
            squares += d * d;
            cursor.Advance(1);
        }
        args.Partial[2 * task] = mean;
        args.Partial[2 * task + 1] = squares;
    }

    /// <summary>As <see cref="BatchNormKernels.GradientSums"/>.</summary>
    public static void GradientSums(BatchNormGradientArgs args)
    {
        int task = Grid.IdxX * Group.DimX + Group.IdxX, block = task / args.C, channel = task - block * args.C;
        if (block >= args.Blocks)
        {
            return;
        }
        int first = block * BatchNormKernels.Block;
        int end = first + BatchNormKernels.Block < args.Count ? first + BatchNormKernels.Block : args.Count;
        float mean = args.Mean[channel], sum = 0, product = 0;
        var cursor = new ChannelCursor(args.C, args.Pixels, channel, first);
        for (int i = first; i < end; i++)
        {
            int at = cursor.At;
            float dy = BatchNormKernels.Mask(args, at);
            sum += dy;
            product += dy * (args.X[at] - mean);
            cursor.Advance(1);
        }
        args.Partial[2 * task] = sum;
        args.Partial[2 * task + 1] = product;
    }

    public static GpuKernel<BatchNormArgs> MomentsKernel { get; } = new(Moments, GroupSize);

    public static GpuKernel<BatchNormGradientArgs> GradientSumsKernel { get; } = new(GradientSums, GroupSize);

    /// <summary>Groups for one thread a block of a channel.</summary>
    public static long Groups(long blocks) => (blocks + GroupSize - 1) / GroupSize;

    public static IEnumerable<GpuKernel> All => [MomentsKernel, GradientSumsKernel];
}
