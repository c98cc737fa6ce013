using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Normalization;

// BatchNorm2d while training. The values of a channel, all images of it, are cut into blocks of 4096; a group of 128 threads
// takes a block, so that few large channels fill the device as well as many small ones.
//   Forward   Moments: mean and squared distances of each block (two passes over 16 KB, the second from the cache); Finish
//             merges the blocks of a channel in their order (Chan, Golub and LeVeque 1983), so that the variance does not
//             cancel and results repeat; Apply.
//   Backward  GradientSums masks dy and sums each block, FinishGradient adds the blocks in their order; ApplyGradient.
internal static class BatchNormKernels
{
    public const int GroupSize = GroupReduction.GroupSize, Block = 32 * GroupSize;

    /// <summary>Values that a group of the maps takes: four a thread.</summary>
    public const int MapGroupSize = 256, MapBlock = 4 * MapGroupSize;

    /// <summary>The grid is (block, channel).</summary>
    public static void Moments(BatchNormArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        int block = Grid.IdxX / args.C, channel = Grid.IdxX - block * args.C;
        int first = block * Block, end = first + Block < args.Count ? first + Block : args.Count;
        float sum = 0;
        var cursor = new ChannelCursor(args.C, args.Pixels, channel, first + Group.IdxX);
        for (int i = first + Group.IdxX; i < end; i += GroupSize)
        {
            sum += args.X[cursor.At];
            cursor.Advance(GroupSize);
        }
        float mean = GroupReduction.Sum(shared, sum) / (end - first);
        float squares = 0;
        cursor = new ChannelCursor(args.C, args.Pixels, channel, first + Group.IdxX);
        for (int i = first + Group.IdxX; i < end; i += GroupSize)
        {
            float d = args.X[cursor.At] - mean;
            squares += d * d;
            cursor.Advance(GroupSize);
        }
        squares = GroupReduction.Sum(shared, squares);
        if (Group.IdxX == 0)
        {
            args.Partial[2 * Grid.IdxX] = mean;
            args.Partial[2 * Grid.IdxX + 1] = squares;
        }
    }

    /// <summary>Mean and 1/std of a channel, from the blocks or from the running statistics; one thread a channel.</summary>
    public static void Finish(BatchNormArgs args)
    {
        int channel = Grid.IdxX * Group.DimX + Group.IdxX;
        if (channel >= args.C)
        {
            return;
        }
        float mean = args.RunningMean[channel], variance = args.RunningVar[channel];
        if (args.Training != 0)
        {
            float average = 0, squares = 0;
            for (int block = 0; block < args.Blocks; block++)
            {
                int at = 2 * (block * args.C + channel), before = block * Block;
                int count = args.Count - before < Block ? args.Count - before : Block;
                float d = args.Partial[at] - average, share = (float)count / (before + count);
                average += d * share;
                squares += args.Partial[at + 1] + d * d * before * share;
            }
            args.RunningMean[channel] = mean + args.Momentum * (average - mean);
            args.RunningVar[channel] = variance + args.Momentum * (squares / (args.Count - 1) - variance);
            mean = average;
            variance = squares / args.Count;
        }
        args.Mean[channel] = mean;
        args.InvStd[channel] = 1 / XMath.Sqrt(variance + args.Eps);
    }

    /// <summary>y = act(gamma (x - mean) / std + beta + residual); the grid is (plane, block of pixels).</summary>
    public static void Apply(BatchNormArgs args)
    {
        int tiles = (args.Pixels + MapBlock - 1) / MapBlock;
        int plane = Grid.IdxX / tiles, first = (Grid.IdxX - plane * tiles) * MapBlock;
        int end = first + MapBlock < args.Pixels ? first + MapBlock : args.Pixels, channel = plane % args.C;
        float mean = args.Mean[channel], scale = args.Gamma[channel] * args.InvStd[channel], shift = args.Beta[channel];
        for (int i = first + Group.IdxX; i < end; i += MapGroupSize)
        {
            int at = plane * args.Pixels + i;
            float y = (args.X[at] - mean) * scale + shift;
            if (args.HasResidual != 0)
            {
                y += args.Residual[at];
            }
            args.Y[at] = args.Relu != 0 && !(y > 0) ? 0 : y;
        }
    }

    /// <summary>dy = y > 0 ? dy : 0 with ReLU; sums of dy and of dy (x - mean). The grid is (block, channel).</summary>
    public static void GradientSums(BatchNormGradientArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        int block = Grid.IdxX / args.C, channel = Grid.IdxX - block * args.C;
        int first = block * Block, end = first + Block < args.Count ? first + Block : args.Count;
        float mean = args.Mean[channel], sum = 0, product = 0;
        var cursor = new ChannelCursor(args.C, args.Pixels, channel, first + Group.IdxX);
        for (int i = first + Group.IdxX; i < end; i += GroupSize)
        {
            int at = cursor.At;
            float dy = Mask(args, at);
            sum += dy;
            product += dy * (args.X[at] - mean);
            cursor.Advance(GroupSize);
        }
        sum = GroupReduction.Sum(shared, sum);
        product = GroupReduction.Sum(shared, product);
        if (Group.IdxX == 0)
        {
            args.Partial[2 * Grid.IdxX] = sum;
            args.Partial[2 * Grid.IdxX + 1] = product;
        }
    }

    /// <summary>dy of a value, 0 where ReLU had none, which is also written back.</summary>
    public static float Mask(BatchNormGradientArgs args, int at)
    {
        float dy = args.Dy[at];
        if (args.Relu != 0)
        {
            dy = args.Y[at] > 0 ? dy : 0;
            args.Dy[at] = dy;
        }
        return dy;
    }

    /// <summary>dgamma, dbeta and the means that <see cref="ApplyGradient"/> subtracts; one thread a channel.</summary>
    public static void FinishGradient(BatchNormGradientArgs args)
    {
        int channel = Grid.IdxX * Group.DimX + Group.IdxX;
        if (channel >= args.C)
        {
            return;
        }
        float sum = 0, product = 0;
        for (int block = 0; block < args.Blocks; block++)
        {
            int at = 2 * (block * args.C + channel);
            sum += args.Partial[at];
            product += args.Partial[at + 1];
        }
        float invStd = args.InvStd[channel];
        args.Dbeta[channel] = sum;
        args.Dgamma[channel] = product * invStd;
        // With fixed statistics the means are no part of the gradient.
        args.Means[2 * channel] = args.Training != 0 ? sum / args.Count : 0;
        args.Means[2 * channel + 1] = args.Training != 0 ? product * invStd * invStd / args.Count : 0;
    }

    /// <summary>dx = gamma / std (dy - mean(dy) - xhat mean(dy xhat)); the grid is (plane, block of pixels).</summary>
    public static void ApplyGradient(BatchNormGradientArgs args)
    {
        int tiles = (args.Pixels + MapBlock - 1) / MapBlock;
        int plane = Grid.IdxX / tiles, first = (Grid.IdxX - plane * tiles) * MapBlock;
        int end = first + MapBlock < args.Pixels ? first + MapBlock : args.Pixels, channel = plane % args.C;
        float mean = args.Mean[channel], scale = args.Gamma[channel] * args.InvStd[channel];
        float dyMean = args.Means[2 * channel], slope = args.Means[2 * channel + 1];
        for (int i = first + Group.IdxX; i < end; i += MapGroupSize)
        {
            int at = plane * args.Pixels + i;
            args.Dx[at] = (args.Dy[at] - dyMean - (args.X[at] - mean) * slope) * scale;
        }
    }

    public static GpuKernel<BatchNormArgs> MomentsKernel { get; } = new(Moments, GroupSize);

    public static GpuKernel<BatchNormArgs> FinishKernel { get; } = new(Finish, GroupSize);

    public static GpuKernel<BatchNormArgs> ApplyKernel { get; } = new(Apply, MapGroupSize);

    public static GpuKernel<BatchNormGradientArgs> GradientSumsKernel { get; } = new(GradientSums, GroupSize);

    public static GpuKernel<BatchNormGradientArgs> FinishGradientKernel { get; } = new(FinishGradient, GroupSize);

    public static GpuKernel<BatchNormGradientArgs> ApplyGradientKernel { get; } = new(ApplyGradient, MapGroupSize);

    public static IEnumerable<GpuKernel> All =>
        [MomentsKernel, FinishKernel, ApplyKernel, GradientSumsKernel, FinishGradientKernel, ApplyGradientKernel];
}

/// <summary>Walks over the values of one channel of (N,C,Pixels); divides only where it leaves a plane.</summary>
internal struct ChannelCursor
{
    private readonly int _pixels, _stride;
    private int _pixel;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ChannelCursor(int channels, int pixels, int channel, int index)
    {
        int image = index / pixels;
        _pixels = pixels;
        _stride = channels * pixels;
        _pixel = index - image * pixels;
        At = (image * channels + channel) * pixels + _pixel;
    }

    /// <summary>Where the value lies.</summary>
    public int At { get; private set; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Advance(int count)
    {
        _pixel += count;
        At += count;
        if (_pixel >= _pixels)
        {
            int images = _pixel / _pixels;
            _pixel -= images * _pixels;
            At += images * (_stride - _pixels);
        }
    }
}

/// <summary>Arguments of the forward kernels; Partial is (Blocks, C, 2), Count the values of a channel.</summary>
internal struct BatchNormArgs
{
    public ArrayView<float> X, Y, Gamma, Beta, Residual, RunningMean, RunningVar, Mean, InvStd, Partial;
    public int C, Pixels, Count, Blocks, Training, Relu, HasResidual;
    public float Eps, Momentum;
}

/// <summary>Arguments of the gradient kernels; Partial is (Blocks, C, 2), Means (C, 2).</summary>
internal struct BatchNormGradientArgs
{
    public ArrayView<float> X, Y, Gamma, Mean, InvStd, Dy, Dx, Dgamma, Dbeta, Partial, Means;
    public int C, Pixels, Count, Blocks, Training, Relu;
}
