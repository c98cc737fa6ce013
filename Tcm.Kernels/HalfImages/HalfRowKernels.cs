using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.HalfImages;

// LayerNorm and cosines of tokens in half precision, rows of C channels rounded up to eight; sums and statistics FP32.
//   V1 ...Naive  one thread a row. Baseline for study.
//   V2           one warp a row, a lane every 32nd chunk of 16 bytes; sums through shuffles, no shared memory, no barrier. The
//                variance takes a walk of its own, so that it does not cancel. <- default
// And the mean of an image's pixels, which has one version.
internal static class HalfRowKernels
{
    public const int GroupSize = 128, WarpSize = 32;

    /// <summary>Chunks of a pixel for which a group of <see cref="Mean"/> adds, and threads that share one of them.</summary>
    public const int MeanChunks = 8, MeanThreads = GroupSize / MeanChunks;

    /// <summary>y = (x - mean) / sqrt(var + eps) * gamma + beta</summary>
    public static void LayerNorm(HalfNormArgs args)
    {
        int lane = Group.IdxX % WarpSize, row = Grid.IdxX * (GroupSize / WarpSize) + Group.IdxX / WarpSize;
        // Warps beyond the last row do as if they had it, and write nothing.
        int start = (row < args.Rows ? row : args.Rows - 1) * args.Chunks;
        float sum = 0;
        for (int chunk = lane; chunk < args.Chunks; chunk += WarpSize)
        {
            sum += Sum(args.X[start + chunk]);
        }
        float mean = WarpSum(sum) / args.Columns;
        float squares = 0;
        for (int chunk = lane; chunk < args.Chunks; chunk += WarpSize)
        {
            squares += Squares(Around(args, start, chunk, mean));
        }
        float rstd = 1 / XMath.Sqrt(WarpSum(squares) / args.Columns + args.Eps);
        if (row < args.Rows)
        {
            for (int chunk = lane; chunk < args.Chunks; chunk += WarpSize)
            {
                args.Y[start + chunk] = Normal(args, start, chunk, mean, rstd);
            }
        }
    }

    public static void LayerNormNaive(HalfNormArgs args)
    {
        int row = Grid.IdxX * Group.DimX + Group.IdxX, start = row * args.Chunks;
        if (row >= args.Rows)
        {
            return;
        }
        float sum = 0, squares = 0;
        for (int chunk = 0; chunk < args.Chunks; chunk++)
        {
            sum += Sum(args.X[start + chunk]);
        }
        float mean = sum / args.Columns;
        for (int chunk = 0; chunk < args.Chunks; chunk++)
        {
            squares += Squares(Around(args, start, chunk, mean));
        }
        float rstd = 1 / XMath.Sqrt(squares / args.Columns + args.Eps);
        for (int chunk = 0; chunk < args.Chunks; chunk++)
        {
            args.Y[start + chunk] = Normal(args, start, chunk, mean, rstd);
        }
    }

    /// <summary>y, floats: the cosine of each row of x and the row of its image in t.</summary>
    public static void Cosine(HalfCosineArgs args)
    {
        int lane = Group.IdxX % WarpSize, row = Grid.IdxX * (GroupSize / WarpSize) + Group.IdxX / WarpSize;
        int inside = row < args.Rows ? row : args.Rows - 1;
        int x = inside * args.Chunks, t = inside / args.ImageRows * args.Chunks;
        float product = 0, left = 0, right = 0;
        for (int chunk = lane; chunk < args.Chunks; chunk += WarpSize)
        {
            Word4 a = args.X[x + chunk], b = args.T[t + chunk];
            product += Half8.Dot(a, b);
            left += Half8.Dot(a, a);
            right += Half8.Dot(b, b);
        }
        product = WarpSum(product);
        float lengths = Length(WarpSum(left), args.Eps) * Length(WarpSum(right), args.Eps);
        if (lane == 0 && row < args.Rows)
        {
            args.Y[row] = product / lengths;
        }
    }

    public static void CosineNaive(HalfCosineArgs args)
    {
        int row = Grid.IdxX * Group.DimX + Group.IdxX;
        if (row >= args.Rows)
        {
            return;
        }
        int x = row * args.Chunks, t = row / args.ImageRows * args.Chunks;
        float product = 0, left = 0, right = 0;
        for (int chunk = 0; chunk < args.Chunks; chunk++)
        {
            Word4 a = args.X[x + chunk], b = args.T[t + chunk];
            product += Half8.Dot(a, b);
            left += Half8.Dot(a, a);
            right += Half8.Dot(b, b);
        }
        args.Y[row] = product / (Length(left, args.Eps) * Length(right, args.Eps));
    }

    /// <summary>y (images, C) = mean over the pixels of x (images, pixels, C). The grid is (image, eight chunks).</summary>
    public static void Mean(HalfMeanArgs args)
    {
        var shared = SharedMemory.Allocate<Float4>(2 * GroupSize);
        int blocks = (args.Chunks + MeanChunks - 1) / MeanChunks;
        int image = Grid.IdxX / blocks, chunk = Grid.IdxX % blocks * MeanChunks + Group.IdxX % MeanChunks;
        Float4 low = default, high = default;
        if (chunk < args.Chunks)
        {
            for (int pixel = Group.IdxX / MeanChunks; pixel < args.Pixels; pixel += MeanThreads)
            {
                var x = args.X[(image * args.Pixels + pixel) * args.Chunks + chunk];
                low = HalfImageKernels.Sum(low, Half8.Low(x));
                high = HalfImageKernels.Sum(high, Half8.High(x));
            }
        }
        shared[Group.IdxX] = low;
        shared[GroupSize + Group.IdxX] = high;
        Group.Barrier();
        if (Group.IdxX < MeanChunks && chunk < args.Chunks)
        {
            for (int i = 1; i < MeanThreads; i++)
            {
                low = HalfImageKernels.Sum(low, shared[i * MeanChunks + Group.IdxX]);
                high = HalfImageKernels.Sum(high, shared[GroupSize + i * MeanChunks + Group.IdxX]);
            }
            float share = 1f / args.Pixels;
            args.Y[image * args.Chunks + chunk] =
                Half8.Pack(Tile4x4.Fma(share, low, default), Tile4x4.Fma(share, high, default));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float WarpSum(float value)
    {
        value += Warp.ShuffleXor(value, 16);
        value += Warp.ShuffleXor(value, 8);
        value += Warp.ShuffleXor(value, 4);
        value += Warp.ShuffleXor(value, 2);
        return value + Warp.ShuffleXor(value, 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Length(float squares, float eps)
    {
        float length = XMath.Sqrt(squares);
        return length > eps ? length : eps;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(Word4 chunk)
    {
        Float4 s = HalfImageKernels.Sum(Half8.Low(chunk), Half8.High(chunk));
        return s.X + s.Y + (s.Z + s.W);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Squares(RawChunk chunk)
    {
        Float4 s = HalfImageKernels.Sum(HalfImageKernels.Product(chunk.Low, chunk.Low),
            HalfImageKernels.Product(chunk.High, chunk.High));
        return s.X + s.Y + (s.Z + s.W);
    }

    /// <summary>x - mean; channels that rounding has added stay 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static RawChunk Around(HalfNormArgs args, int start, int chunk, float mean)
    {
        var x = args.X[start + chunk];
        Float4 low = Half8.Low(x), high = Half8.High(x);
        return Half8.First(args.Columns - 8 * chunk,
            new Float4(low.X - mean, low.Y - mean, low.Z - mean, low.W - mean),
            new Float4(high.X - mean, high.Y - mean, high.Z - mean, high.W - mean));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Word4 Normal(HalfNormArgs args, int start, int chunk, float mean, float rstd)
    {
        var x = Around(args, start, chunk, mean);
        int c = 8 * chunk;
        return Half8.Pack(
            Scaled(x.Low, rstd, Four(args.Gamma, c, args.Columns), Four(args.Beta, c, args.Columns)),
            Scaled(x.High, rstd, Four(args.Gamma, c + 4, args.Columns), Four(args.Beta, c + 4, args.Columns)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Scaled(Float4 x, float rstd, Float4 gamma, Float4 beta) => new(x.X * rstd * gamma.X + beta.X,
        x.Y * rstd * gamma.Y + beta.Y, x.Z * rstd * gamma.Z + beta.Z, x.W * rstd * gamma.W + beta.W);

    /// <summary>Four of a row of parameters, zeros beyond its last one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Four(ArrayView<float> values, int at, int count)
    {
        var four = default(Float4);
        if (at < count)
        {
            four = TileRow.Load(values, at, count - at, count % 4 == 0 ? 1 : 0);
        }
        return four;
    }

    public static GpuKernel<HalfNormArgs> LayerNormKernel { get; } = new(LayerNorm, GroupSize);

    public static GpuKernel<HalfNormArgs> LayerNormNaiveKernel { get; } = new(LayerNormNaive);

    public static GpuKernel<HalfCosineArgs> CosineKernel { get; } = new(Cosine, GroupSize);

    public static GpuKernel<HalfCosineArgs> CosineNaiveKernel { get; } = new(CosineNaive);

    public static GpuKernel<HalfMeanArgs> MeanKernel { get; } = new(Mean, GroupSize);

    public static IEnumerable<GpuKernel> All =>
        [LayerNormKernel, LayerNormNaiveKernel, CosineKernel, CosineNaiveKernel, MeanKernel];
}

/// <summary>Arguments of the LayerNorms: (Rows, Columns), Chunks of eight a row; gamma and beta are floats.</summary>
internal struct HalfNormArgs
{
    public ArrayView<Word4> X, Y;
    public ArrayView<float> Gamma, Beta;
    public int Rows, Columns, Chunks;
    public float Eps;
}

/// <summary>Arguments of the cosines: x (Rows, Chunks), t (Rows / ImageRows, Chunks), y (Rows).</summary>
internal struct HalfCosineArgs
{
    public ArrayView<Word4> X, T;
    public ArrayView<float> Y;
    public int Rows, ImageRows, Chunks;
    public float Eps;
}

/// <summary>Arguments of <see cref="HalfRowKernels.Mean"/>.</summary>
internal struct HalfMeanArgs
{
    public ArrayView<Word4> X, Y;
    public int Pixels, Chunks;
}
