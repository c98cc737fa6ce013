using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.Elementwise;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>Where a finished 4x4 tile goes, as <see cref="IGemmStore"/>, with any function as its activation.</summary>
internal interface ITileStore
{
    /// <summary>Stores rows m..m+3, columns n..n+3.</summary>
    void Store<TFunction>(TFunction function, int batch, int m, int n, Tile4x4 tile) where TFunction : struct, IGpuUnary;
}

/// <summary>Arguments of <see cref="TensorGemmKernels"/>: c (M,N) = a b with a (M,K), b (K,N), for every batch.</summary>
internal struct TensorGemmArgs<TA, TB, TStore>
    where TA : struct, ITensorOperand
    where TB : struct, ITensorOperand
    where TStore : struct, ITileStore
{
    public TA A;
    public TB B;
    public TStore C;

    /// <summary>Steps of four chunks along k.</summary>
    public int Steps;

    /// <summary>Blocks along M and N; the grid is tilesM * tilesN * batch * splits.</summary>
    public int TilesM, TilesN;

    /// <summary>Its length counts steps.</summary>
    public SplitPlace Split;

    /// <summary>An <see cref="Activation"/>.</summary>
    public int Activation;
}

// Matrix product on tensor cores (mma.sync), FP32 in memory, FP32 sums; the third rung above the two of GemmKernels.
//   A stage in shared memory holds 64 bytes along k of each row of A and column of B (16 TF32 or 32 16-bit values) as four
//   chunks of 16 bytes. Chunk c of row r lies at 4 r + (c xor r/2 mod 4): the eight rows that ldmatrix reads at once, and
//   eight neighbouring rows stored at once, meet all 32 banks.
//   Of three stages one is multiplied, two are under way:
//     packed operands (weights) are copied by cp.async two steps ahead, past the registers;
//     FP32 operands are fetched into registers one step ahead, rounded, and stored when their turn comes.
//   One barrier a step: the stage that is stored or copied into was last read before the previous barrier.
//   Epilogue: 64 rows of sums at a time pass through the stages' memory, so that results leave in 4x4 tiles with 128-bit
//   stores and the stores of GemmKernels (bias, residual, activation, layout, edges) serve here too.
internal static class TensorGemmKernels
{
    /// <summary>Stages in shared memory; WaitForAllButOne fits three.</summary>
    public const int Stages = 3;

    /// <summary>Without an activation.</summary>
    public static void Product<TCore, TTile, TA, TB, TStore>(TensorGemmArgs<TA, TB, TStore> args)
        where TCore : struct, ITensorCore
        where TTile : struct, ITensorTile
        where TA : struct, ITensorOperand
        where TB : struct, ITensorOperand
        where TStore : struct, ITileStore =>
        Block<TCore, TTile, TA, TB, TStore, GpuActivate<GpuIdentity>>(args, default);

    /// <summary>With the activation that the arguments name.</summary>
    public static void Layer<TCore, TTile, TA, TB, TStore>(TensorGemmArgs<TA, TB, TStore> args)
        where TCore : struct, ITensorCore
        where TTile : struct, ITensorTile
        where TA : struct, ITensorOperand
        where TB : struct, ITensorOperand
        where TStore : struct, ITileStore =>
        Block<TCore, TTile, TA, TB, TStore, GpuActivationByNumber>(args, new GpuActivationByNumber(args.Activation));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block<TCore, TTile, TA, TB, TStore, TFunction>(TensorGemmArgs<TA, TB, TStore> args,
        TFunction function)
        where TCore : struct, ITensorCore
        where TTile : struct, ITensorTile
        where TA : struct, ITensorOperand
        where TB : struct, ITensorOperand
        where TStore : struct, ITileStore
        where TFunction : struct, IGpuUnary
    {
        int thread = Group.IdxX, lane = thread % 32, warp = thread / 32;
        var group = new TensorGroup
        {
            Shared = SharedMemory.Allocate<Word4>(Stages * 4 * (TTile.M + TTile.N)),
            Address = TCore.SharedAddress(),
            Lane = lane,
        };
        int block = Grid.IdxX;
        int n = block % args.TilesN * TTile.N;
        block /= args.TilesN;
        int m = block % args.TilesM * TTile.M;
        block /= args.TilesM;
        int split = block / args.Split.Batch, batch = block - split * args.Split.Batch;
        int begin = split * args.Split.Length, end = args.Split.End(begin, args.Steps);

        // A thread brings one chunk of A and of B a quarter of the threads' number of rows, twice where the tile has more.
        int rowA = Row<TTile, TA>(thread), chunkA = Chunk<TTile, TA>(thread), putA = Place(rowA, chunkA);
        int rowB = Row<TTile, TB>(thread), chunkB = Chunk<TTile, TB>(thread), putB = 4 * TTile.M + Place(rowB, chunkB);
        chunkA += 4 * begin;
        chunkB += 4 * begin;
        var a0 = args.A.Row(batch, m + rowA);
        var a1 = args.A.Row(batch, m + rowA + TTile.Threads / 4);
        var b0 = args.B.Row(batch, n + rowB);
        var b1 = args.B.Row(batch, n + rowB + TTile.Threads / 4);
        CopyRows<TCore, TTile, TA>(args.A, TTile.M, group, putA, a0, a1, chunkA);
        CopyRows<TCore, TTile, TB>(args.B, TTile.N, group, putB, b0, b1, chunkB);
        Commit<TCore, TA, TB>();
        if (begin + 1 < end)
        {
            CopyRows<TCore, TTile, TA>(args.A, TTile.M, group, putA + 4 * (TTile.M + TTile.N), a0, a1, chunkA + 4);
            CopyRows<TCore, TTile, TB>(args.B, TTile.N, group, putB + 4 * (TTile.M + TTile.N), b0, b1, chunkB + 4);
        }
        Commit<TCore, TA, TB>();
        var nextA0 = Fetch<TCore, TA>(args.A, a0, chunkA);
        var nextB0 = Fetch<TCore, TB>(args.B, b0, chunkB);
        RawChunk nextA1 = default, nextB1 = default;
        if (TTile.M > TTile.Threads / 4)
        {
            nextA1 = Fetch<TCore, TA>(args.A, a1, chunkA);
        }
        if (TTile.N > TTile.Threads / 4)
        {
            nextB1 = Fetch<TCore, TB>(args.B, b1, chunkB);
        }

        // Where the lane's rows of ldmatrix begin: matrices (rows, k) of A are 0 0, 8 0, 0 1, 8 1, of B 0 0, 0 1, 8 0, 8 1.
        int warpM = warp / (TTile.N / 32) * TTile.WarpRows, warpN = warp % (TTile.N / 32) * 32;
        int loadA = Place(warpM + lane % 16, lane / 16);
        int loadB = 4 * TTile.M + Place(warpN + lane % 8 + lane / 16 * 8, lane / 8 % 2);
        Fragments32x32 top = default, bottom = default;
        int stage = 0;
        for (int step = 0; step < end - begin; step++)
        {
            Put<TCore, TA>(group, stage + putA, nextA0);
            Put<TCore, TB>(group, stage + putB, nextB0);
            if (TTile.M > TTile.Threads / 4)
            {
                Put<TCore, TA>(group, stage + putA + TTile.Threads, nextA1);
            }
            if (TTile.N > TTile.Threads / 4)
            {
                Put<TCore, TB>(group, stage + putB + TTile.Threads, nextB1);
            }
            if (TA.Packed || TB.Packed)
            {
                TCore.WaitForAllButOne();
            }
            Group.Barrier();
            if (step + 2 < end - begin)
            {
                int last = stage == 0 ? 8 * (TTile.M + TTile.N) : stage - 4 * (TTile.M + TTile.N);
                CopyRows<TCore, TTile, TA>(args.A, TTile.M, group, last + putA, a0, a1, chunkA + 4 * step + 8);
                CopyRows<TCore, TTile, TB>(args.B, TTile.N, group, last + putB, b0, b1, chunkB + 4 * step + 8);
            }
            Commit<TCore, TA, TB>();
            if (step + 1 < end - begin)
            {
                nextA0 = Fetch<TCore, TA>(args.A, a0, chunkA + 4 * step + 4);
                nextB0 = Fetch<TCore, TB>(args.B, b0, chunkB + 4 * step + 4);
                if (TTile.M > TTile.Threads / 4)
                {
                    nextA1 = Fetch<TCore, TA>(args.A, a1, chunkA + 4 * step + 4);
                }
                if (TTile.N > TTile.Threads / 4)
                {
                    nextB1 = Fetch<TCore, TB>(args.B, b1, chunkB + 4 * step + 4);
                }
            }
            // Chunks 0 and 1, then 2 and 3: bit 1 of the chunk is bit 1 of its place.
            Multiply<TCore, TTile>(group, ref top, ref bottom, stage + loadA, stage + loadB);
            Multiply<TCore, TTile>(group, ref top, ref bottom, stage + (loadA ^ 2), stage + (loadB ^ 2));
            stage = stage == 8 * (TTile.M + TTile.N) ? 0 : stage + 4 * (TTile.M + TTile.N);
        }
        Finish<TTile, TA, TB, TStore, TFunction>(args, function, group, top, bottom, split, batch, m, n, warpM, warpN);
    }

    /// <summary>Where chunk c of row r lies in a stage.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Place(int row, int chunk) => row * 4 + (chunk ^ (row / 2 % 4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Row<TTile, TOperand>(int thread) where TTile : struct, ITensorTile where TOperand : struct, ITensorOperand =>
        TOperand.AlongK ? thread / 4 : thread % (TTile.Threads / 4);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Chunk<TTile, TOperand>(int thread)
        where TTile : struct, ITensorTile
        where TOperand : struct, ITensorOperand => TOperand.AlongK ? thread % 4 : thread / (TTile.Threads / 4);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyRows<TCore, TTile, TOperand>(TOperand operand, int rows, TensorGroup group, int to, Cursor first,
        Cursor second, int chunk)
        where TCore : struct, ITensorCore
        where TTile : struct, ITensorTile
        where TOperand : struct, ITensorOperand
    {
        if (TOperand.Packed)
        {
            operand.Copy<TCore>(group, to, first, chunk);
            if (rows > TTile.Threads / 4)
            {
                operand.Copy<TCore>(group, to + TTile.Threads, second, chunk);
            }
        }
    }

    // Sets may be empty, so that their number stays that of the steps.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Commit<TCore, TA, TB>()
        where TCore : struct, ITensorCore
        where TA : struct, ITensorOperand
        where TB : struct, ITensorOperand
    {
        if (TA.Packed || TB.Packed)
        {
            TCore.Commit();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static RawChunk Fetch<TCore, TOperand>(TOperand operand, Cursor cursor, int chunk)
        where TCore : struct, ITensorCore
        where TOperand : struct, ITensorOperand
    {
        var raw = default(RawChunk);
        if (!TOperand.Packed)
        {
            raw.Low = operand.Four(cursor, chunk * TCore.ChunkValues);
            if (TCore.ChunkValues == 8)
            {
                raw.High = operand.Four(cursor, chunk * TCore.ChunkValues + 4);
            }
        }
        return raw;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<TCore, TOperand>(TensorGroup group, int at, RawChunk raw)
        where TCore : struct, ITensorCore
        where TOperand : struct, ITensorOperand
    {
        if (!TOperand.Packed)
        {
            group.Shared[at] = TCore.Pack(raw);
        }
    }

    /// <summary>32 bytes along k; 16 rows are 64 chunks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply<TCore, TTile>(TensorGroup group, ref Fragments32x32 top, ref Fragments32x32 bottom, int a, int b)
        where TCore : struct, ITensorCore
        where TTile : struct, ITensorTile
    {
        var b01 = TCore.LoadMatrices(group, b);
        var b23 = TCore.LoadMatrices(group, b + 64);
        var a0 = TCore.LoadMatrices(group, a);
        var a1 = TCore.LoadMatrices(group, a + 64);
        top.Add<TCore>(group, a0, a1, b01, b23);
        if (TTile.WarpRows == 64)
        {
            var a2 = TCore.LoadMatrices(group, a + 128);
            var a3 = TCore.LoadMatrices(group, a + 192);
            bottom.Add<TCore>(group, a2, a3, b01, b23);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TTile, TA, TB, TStore, TFunction>(TensorGemmArgs<TA, TB, TStore> args, TFunction function,
        TensorGroup group, Fragments32x32 top, Fragments32x32 bottom, int split, int batch, int m, int n, int warpM, int warpN)
        where TTile : struct, ITensorTile
        where TA : struct, ITensorOperand
        where TB : struct, ITensorOperand
        where TStore : struct, ITileStore
        where TFunction : struct, IGpuUnary
    {
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
                top.Put(pairs, at, 2 * pitch4, group.Lane);
                if (TTile.WarpRows == 64)
                {
                    bottom.Put(pairs, at + 64 * pitch4, 2 * pitch4, group.Lane);
                }
            }
            Group.Barrier();
            for (int i = Group.IdxX; i < 16 * (TTile.N / 4); i += TTile.Threads)
            {
                int row = i / (TTile.N / 4) * 4, column4 = i % (TTile.N / 4), at = row * pitch4 + column4;
                var tile = new Tile4x4
                {
                    Row0 = quads[at],
                    Row1 = quads[at + pitch4],
                    Row2 = quads[at + 2 * pitch4],
                    Row3 = quads[at + 3 * pitch4],
                };
                if (args.Split.Splits > 1)
                {
                    args.Split.Put(split, batch, (m + first + row) / 4, n / 4 + column4, args.TilesM * (TTile.M / 4),
                        args.TilesN * (TTile.N / 4), tile);
                }
                else
                {
                    args.C.Store(function, batch, m + first + row, n + column4 * 4, tile);
                }
            }
        }
    }
}
