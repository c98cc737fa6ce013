using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.HalfImages;

/// <summary>Arguments of <see cref="HalfGemmKernels"/>: c (M,N) = a w^T, both halves, k fastest.</summary>
internal struct HalfGemmArgs<TA, TStore>
    where TA : struct, IHalfOperand
    where TStore : struct, IHalfStore
{
    public TA A;
    public TStore C;

    /// <summary>Weights of <see cref="TensorWeights"/>: a row a column of c, padded to the tiles and to whole steps.</summary>
    public ArrayView<Word4> Weights;
    public long WeightsAddress;

    /// <summary>Chunks of a row of weights.</summary>
    public int RowLength;

    /// <summary>Steps of four chunks along k, and those of one split.</summary>
    public int Steps, SplitSteps;

    /// <summary>
    /// Blocks along M and N; the grid is tilesM * tilesN * splits. The naive version takes rows and eights of columns for them.
    /// </summary>
    public int TilesM, TilesN, Splits;

    /// <summary>Sums of the splits (Splits, TilesM * M, TilesN * N / 8, 2), where there is more than one.</summary>
    public ArrayView<Float4> Partial;

    /// <summary>An <see cref="Activation"/>.</summary>
    public int Activation;
}

/// <summary>Arguments of <see cref="HalfGemmKernels.Sum"/>; as of the product before it.</summary>
internal struct HalfSumArgs<TStore> where TStore : struct, IHalfStore
{
    public TStore C;
    public ArrayView<Float4> Partial;

    /// <summary>Eights of columns of a row, rows to finish, and eights of a split.</summary>
    public int Columns8, Rows, Stride, Splits;
    public int Activation;
}

// Matrix product of halves that lie in memory as they are multiplied (mma.sync m16n8k16, FP32 sums): convolutions of images with
// their channels last, as implicit products of pixels by channels. The fourth rung above those of TensorGemmKernels, whose stages,
// swizzle and fragments it shares; what is different:
//   V1 Naive  one thread eight channels of a pixel, from global memory.
//   V2 Layer  the blocks described here. <- default
//   Both factors are copied to shared memory by cp.async, 16 bytes at a time, two steps ahead: no factor passes registers, none is
//   rounded here. Chunks outside (padding of a convolution, edges) are filled with zeros by the copy itself.
//   A warp computes up to 64x64: 32 multiplications for 8 ldmatrix at each 16 values of k, where 64x32 has 16 for 6. On Hopper the
//   tensor cores are otherwise as fast as shared memory can feed them.
//   Splits: where a result has fewer tiles than the device multiprocessors, k is cut; the sums of each part go to memory, and a
//   second kernel adds them in the order of the parts, so that equal inputs give equal bits.
//   Epilogue: eight channels of a pixel a thread, 128-bit stores.
internal static class HalfGemmKernels
{
    public const int Threads = 128;

    /// <summary>In place of a tile's index: the version without.</summary>
    public const int NoTile = -2;

    private const int Stages = TensorGemmKernels.Stages, PassRows = Threads / 4, BandRows = 8;

    public static void Layer<TCore, TTile, TA, TStore>(HalfGemmArgs<TA, TStore> args)
        where TCore : struct, ITensorCore
        where TTile : struct, IHalfTile
        where TA : struct, IHalfOperand
        where TStore : struct, IHalfStore
    {
        int thread = Group.IdxX, lane = thread % 32, warp = thread / 32;
        var group = new TensorGroup
        {
            Shared = SharedMemory.Allocate<Word4>(Stages * 4 * (TTile.M + TTile.N)),
            Address = TCore.SharedAddress(),
            Lane = lane,
        };
        int split = Grid.IdxX / (args.TilesM * args.TilesN), block = Grid.IdxX - split * args.TilesM * args.TilesN;
        // Bands of eight rows of tiles, column by column: what runs at the same time is near a square, and both factors in L2.
        int band = block / (BandRows * args.TilesN), inBand = block - band * BandRows * args.TilesN;
        int bandRows = args.TilesM - band * BandRows < BandRows ? args.TilesM - band * BandRows : BandRows;
        int m = (band * BandRows + inBand % bandRows) * TTile.M, n = inBand / bandRows * TTile.N;
        int first = split * args.SplitSteps;
        int end = first + args.SplitSteps < args.Steps ? first + args.SplitSteps : args.Steps;

        // A thread brings one chunk of every 32nd row.
        int row = thread / 4, chunk = thread % 4, put = TensorGemmKernels.Place(row, chunk);
        var rows = new HalfRows
        {
            A0 = args.A.Row(m + row),
            A1 = args.A.Row(m + row + PassRows),
            A2 = args.A.Row(m + row + 2 * PassRows),
            A3 = args.A.Row(m + row + 3 * PassRows),
            B = (n + row) * args.RowLength + chunk,
        };
        Bring<TCore, TTile, TA, TStore>(args, group, rows, put, chunk, first, end);
        TCore.Commit();
        Bring<TCore, TTile, TA, TStore>(args, group, rows, put + 4 * (TTile.M + TTile.N), chunk, first + 1, end);
        TCore.Commit();

        int warpM = warp / (TTile.N / TTile.WarpN) * TTile.WarpM, warpN = warp % (TTile.N / TTile.WarpN) * TTile.WarpN;
        int loadA = TensorGemmKernels.Place(warpM + lane % 16, lane / 16);
        int loadB = 4 * TTile.M + TensorGemmKernels.Place(warpN + lane % 8 + lane / 16 * 8, lane / 8 % 2);
        var sums = default(HalfSums);
        int stage = 0;
        for (int step = first; step < end; step++)
        {
            TCore.WaitForAllButOne();
            // Now all see this step's chunks, and none reads those of the step before any more.
            Group.Barrier();
            int last = stage == 0 ? 8 * (TTile.M + TTile.N) : stage - 4 * (TTile.M + TTile.N);
            // Two steps more than there are, of zeros: ILGPU would write what follows a branch out in both of its arms.
            Bring<TCore, TTile, TA, TStore>(args, group, rows, last + put, chunk, step + 2, end);
            TCore.Commit();
            Multiply<TCore, TTile>(group, ref sums, stage + loadA, stage + loadB);
            Multiply<TCore, TTile>(group, ref sums, stage + (loadA ^ 2), stage + (loadB ^ 2));
            stage = stage == 8 * (TTile.M + TTile.N) ? 0 : stage + 4 * (TTile.M + TTile.N);
        }
        // The zeros of the last two steps are on their way to where the sums go now.
        TCore.WaitForAll();
        Finish<TTile, TA, TStore>(args, group, sums, split, m, n, warpM, warpN);
    }

    /// <summary>One thread eight columns of a row, straight from memory. Baseline for study.</summary>
    public static void Naive<TA, TStore>(HalfGemmArgs<TA, TStore> args)
        where TA : struct, IHalfOperand
        where TStore : struct, IHalfStore
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        int row = i / args.TilesN, column = i % args.TilesN * 8;
        if (row >= args.TilesM)
        {
            return;
        }
        var cursor = args.A.Row(row);
        Float4 low = default, high = default;
        for (int chunk = 0; chunk < args.RowLength; chunk++)
        {
            var a = args.A.Load(cursor, args.A.Step(chunk));
            int at = column * args.RowLength + chunk;
            low.X += Half8.Dot(a, args.Weights[at]);
            low.Y += Half8.Dot(a, args.Weights[at + args.RowLength]);
            low.Z += Half8.Dot(a, args.Weights[at + 2 * args.RowLength]);
            low.W += Half8.Dot(a, args.Weights[at + 3 * args.RowLength]);
            high.X += Half8.Dot(a, args.Weights[at + 4 * args.RowLength]);
            high.Y += Half8.Dot(a, args.Weights[at + 5 * args.RowLength]);
            high.Z += Half8.Dot(a, args.Weights[at + 6 * args.RowLength]);
            high.W += Half8.Dot(a, args.Weights[at + 7 * args.RowLength]);
        }
        args.C.Store(new GpuActivationByNumber(args.Activation), row, column, low, high);
    }

    /// <summary>Adds the splits of eight columns of a row and finishes them; one thread each.</summary>
    public static void Sum<TStore>(HalfSumArgs<TStore> args) where TStore : struct, IHalfStore
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Rows * args.Columns8)
        {
            return;
        }
        Float4 low = args.Partial[2 * i], high = args.Partial[2 * i + 1];
        for (int split = 1; split < args.Splits; split++)
        {
            int at = 2 * (split * args.Stride + i);
            low = HalfImageKernels.Sum(low, args.Partial[at]);
            high = HalfImageKernels.Sum(high, args.Partial[at + 1]);
        }
        int row = i / args.Columns8;
        args.C.Store(new GpuActivationByNumber(args.Activation), row, (i - row * args.Columns8) * 8, low, high);
    }

    /// <summary>Starts to copy a step's chunks to a stage; zeros from step <paramref name="end"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Bring<TCore, TTile, TA, TStore>(HalfGemmArgs<TA, TStore> args, TensorGroup group, HalfRows rows, int to,
        int chunk, int step, int end)
        where TCore : struct, ITensorCore
        where TTile : struct, IHalfTile
        where TA : struct, IHalfOperand
        where TStore : struct, IHalfStore
    {
        bool inside = step < end;
        step = inside ? step : end - 1;
        int at = args.A.Step(4 * step + chunk) | (inside ? 0 : -1);
        args.A.Copy<TCore>(group, to, rows.A0, at);
        args.A.Copy<TCore>(group, to + Threads, rows.A1, at);
        if (TTile.M > 2 * PassRows)
        {
            args.A.Copy<TCore>(group, to + 2 * Threads, rows.A2, at);
            args.A.Copy<TCore>(group, to + 3 * Threads, rows.A3, at);
        }
        int b = rows.B + 4 * step, toB = to + 4 * TTile.M;
        TCore.CopyIf(group, toB, args.WeightsAddress, b, inside);
        TCore.CopyIf(group, toB + Threads, args.WeightsAddress, b + PassRows * args.RowLength, inside);
        if (TTile.N > 2 * PassRows)
        {
            TCore.CopyIf(group, toB + 2 * Threads, args.WeightsAddress, b + 2 * PassRows * args.RowLength, inside);
            TCore.CopyIf(group, toB + 3 * Threads, args.WeightsAddress, b + 3 * PassRows * args.RowLength, inside);
        }
    }

    /// <summary>16 values along k; 16 rows are 64 chunks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply<TCore, TTile>(TensorGroup group, ref HalfSums sums, int a, int b)
        where TCore : struct, ITensorCore
        where TTile : struct, IHalfTile
    {
        Word4 b01 = TCore.LoadMatrices(group, b), b23 = TCore.LoadMatrices(group, b + 64);
        Word4 a0 = TCore.LoadMatrices(group, a), a1 = TCore.LoadMatrices(group, a + 64);
        sums.TopLeft.Add<TCore>(group, a0, a1, b01, b23);
        if (TTile.WarpN == 64)
        {
            Word4 b45 = TCore.LoadMatrices(group, b + 128), b67 = TCore.LoadMatrices(group, b + 192);
            sums.TopRight.Add<TCore>(group, a0, a1, b45, b67);
            Word4 a2 = TCore.LoadMatrices(group, a + 128), a3 = TCore.LoadMatrices(group, a + 192);
            sums.BottomLeft.Add<TCore>(group, a2, a3, b01, b23);
            sums.BottomRight.Add<TCore>(group, a2, a3, b45, b67);
        }
        else if (TTile.WarpM == 64)
        {
            Word4 a2 = TCore.LoadMatrices(group, a + 128), a3 = TCore.LoadMatrices(group, a + 192);
            sums.BottomLeft.Add<TCore>(group, a2, a3, b01, b23);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TTile, TA, TStore>(HalfGemmArgs<TA, TStore> args, TensorGroup group, HalfSums sums, int split, int m,
        int n, int warpM, int warpN)
        where TTile : struct, IHalfTile
        where TA : struct, IHalfOperand
        where TStore : struct, IHalfStore
    {
        var function = new GpuActivationByNumber(args.Activation);
        // 8 floats more than a row keep the fragments' rows in different banks.
        int pitch4 = TTile.N / 4 + 2;
        var quads = group.Shared.Cast<Float4>();
        var pairs = group.Shared.Cast<Float2>();
        for (int first = 0; first < TTile.M; first += 64)
        {
            // Before the first round: the stages are still read; later: the sums of the round before are.
            Group.Barrier();
            if (warpM / 64 * 64 == first)
            {
                int at = (warpM - first) * 2 * pitch4 + warpN / 2;
                sums.TopLeft.Put(pairs, at, 2 * pitch4, group.Lane);
                if (TTile.WarpN == 64)
                {
                    sums.TopRight.Put(pairs, at + 16, 2 * pitch4, group.Lane);
                    sums.BottomRight.Put(pairs, at + 64 * pitch4 + 16, 2 * pitch4, group.Lane);
                }
                if (TTile.WarpM == 64)
                {
                    sums.BottomLeft.Put(pairs, at + 64 * pitch4, 2 * pitch4, group.Lane);
                }
            }
            Group.Barrier();
            for (int i = Group.IdxX; i < 64 * (TTile.N / 8); i += Threads)
            {
                int row = i / (TTile.N / 8), column8 = i % (TTile.N / 8), at = row * pitch4 + 2 * column8;
                // Of eight threads that read at once four begin with the upper quad: together they meet all 32 banks.
                int upper = i / 4 % 2;
                Float4 low = quads[at + upper], high = quads[at + 1 - upper];
                if (upper != 0)
                {
                    (low, high) = (high, low);
                }
                int target = m + first + row, column = n + column8 * 8;
                if (args.Splits > 1)
                {
                    int partial = 2 * (((split * args.TilesM * TTile.M) + target) * args.TilesN * (TTile.N / 8) + column / 8);
                    args.Partial[partial] = low;
                    args.Partial[partial + 1] = high;
                }
                else
                {
                    args.C.Store(function, target, column, low, high);
                }
            }
        }
    }

    // Before the families, which keep them.
    public static GpuKernel<HalfSumArgs<HalfImageStore>> ImageSumKernel { get; } = new(Sum);

    public static GpuKernel<HalfSumArgs<HalfShuffleStore>> ShuffleSumKernel { get; } = new(Sum);

    public static GpuKernel<HalfSumArgs<HalfPlanesStore>> PlanesSumKernel { get; } = new(Sum);

    /// <summary>3x3 convolutions, and 1x1 with a stride.</summary>
    public static HalfFamily<HalfPatchesOperand, HalfImageStore> Patches { get; } = new("half patches", ImageSumKernel);

    /// <summary>1x1 convolutions, and linear layers of tokens.</summary>
    public static HalfFamily<HalfRowsOperand, HalfImageStore> Pixels { get; } = new("half pixels", ImageSumKernel);

    /// <summary>Transposed convolutions.</summary>
    public static HalfFamily<HalfRowsOperand, HalfShuffleStore> Shuffled { get; } = new("half shuffled", ShuffleSumKernel);

    /// <summary>3x3 convolutions to few channels in floats.</summary>
    public static HalfFamily<HalfPatchesOperand, HalfPlanesStore> PatchesToPlanes { get; } =
        new("half patches to planes", PlanesSumKernel);

    /// <summary>1x1 and transposed convolutions to few channels in floats.</summary>
    public static HalfFamily<HalfRowsOperand, HalfPlanesStore> PixelsToPlanes { get; } =
        new("half pixels to planes", PlanesSumKernel);

    public static IEnumerable<GpuKernel> All =>
        [.. Patches.Kernels, .. Pixels.Kernels, .. Shuffled.Kernels, .. PatchesToPlanes.Kernels, .. PixelsToPlanes.Kernels,
            ImageSumKernel, ShuffleSumKernel, PlanesSumKernel];
}

/// <summary>What a thread of <see cref="HalfGemmKernels"/> brings: up to four rows of pixels, its first chunk of weights.</summary>
internal struct HalfRows
{
    public Cursor A0, A1, A2, A3;
    public int B;
}

/// <summary>A warp's sums, up to 64x64.</summary>
internal struct HalfSums
{
    public Fragments32x32 TopLeft, TopRight, BottomLeft, BottomRight;
}
