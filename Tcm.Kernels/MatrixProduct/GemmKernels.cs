using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>Where a finished 4x4 tile goes: bias, residual, activation, layout and bounds.</summary>
internal interface IGemmStore
{
    /// <summary>Stores rows m..m+3, columns n..n+3.</summary>
    void Store<TActivation>(int batch, int m, int n, Tile4x4 tile) where TActivation : struct, IGpuActivation;
}

/// <summary>Arguments of <see cref="GemmKernels"/>: c (M,N) = a^T b with a (K,M), b (K,N), for every batch.</summary>
internal struct GemmArgs<TA, TB, TStore>
    where TA : struct, IGemmOperand
    where TB : struct, IGemmOperand
    where TStore : struct, IGemmStore
{
    public TA A;
    public TB B;
    public TStore C;
    public int K;

    /// <summary>Blocks along M and N; the grid is tilesM * tilesN * batch * splits.</summary>
    public int TilesM, TilesN;
    public SplitPlace Split;
}

// Tiled matrix product, the engine behind linear layers, batched products and implicit-GEMM convolution.
//   Both factors stream through shared memory in slabs of 16 x 64 floats, double-buffered: while the 256 threads multiply
//   one slab, the next is on its way into registers. What the factors are (packed weights, image patches, matrices) and
//   where the result goes are generic struct arguments, so each use is its own straight-line kernel.
//   Tile64    64x64 block, 4x4 per thread: 16 FMA for 2 LDS.128. Small results, where blocks are scarce.
//   Tile128   128x128 block, 8x8 per thread in four quadrants 64 apart: 64 FMA for 4 LDS.128. Large results.
//   Either with k cut into parts (SplitKernels) where a result has fewer blocks than the device multiprocessors.
internal static class GemmKernels
{
    public const int GroupSize = 256;

    /// <summary>A block of 64x64. Thread (tx, ty) = (thread % 16, thread / 16) owns rows 4ty.., columns 4tx...</summary>
    public static void Tile64<TA, TB, TStore, TActivation>(GemmArgs<TA, TB, TStore> args)
        where TA : struct, IGemmOperand
        where TB : struct, IGemmOperand
        where TStore : struct, IGemmStore
        where TActivation : struct, IGpuActivation
    {
        var shared = SharedMemory.Allocate<Float4>(4 * Slab.Length4);
        int thread = Group.IdxX;
        int block = Grid.IdxX;
        int n = block % args.TilesN * 64;
        block /= args.TilesN;
        int m = block % args.TilesM * 64;
        block /= args.TilesM;
        int split = block / args.Split.Batch, batch = block - split * args.Split.Batch;
        int first = split * args.Split.Length, end = args.Split.End(first, args.K);

        var a = args.A.Start(batch, m, thread);
        var b = args.B.Start(batch, n, thread);
        var nextA = args.A.Fetch(a, first, thread);
        var nextB = args.B.Fetch(b, first, thread);
        var tile = default(Tile4x4);
        int buffer = 0;
        for (int k0 = first; k0 < end; k0 += Slab.K)
        {
            var slabA = shared.SubView(buffer, Slab.Length4).AsAligned(16);
            var slabB = shared.SubView(buffer + Slab.Length4, Slab.Length4).AsAligned(16);
            TA.Put(slabA, thread, nextA);
            TB.Put(slabB, thread, nextB);
            // One barrier a step: the other buffer was last read before the previous one.
            Group.Barrier();
            if (k0 + Slab.K < end)
            {
                nextA = args.A.Fetch(a, k0 + Slab.K, thread);
                nextB = args.B.Fetch(b, k0 + Slab.K, thread);
            }
            var rows = slabA.SubView(thread / 16).AsAligned(16);
            var columns = slabB.SubView(thread % 16).AsAligned(16);
            Step64(ref tile, rows, columns, 0);
            Step64(ref tile, rows, columns, 4);
            Step64(ref tile, rows, columns, 8);
            Step64(ref tile, rows, columns, 12);
            buffer = 2 * Slab.Length4 - buffer;
        }
        Finish<TA, TB, TStore, TActivation>(args, split, batch, m + thread / 16 * 4, n + thread % 16 * 4, 16, tile);
    }

    /// <summary>A block of 128x128: quadrant (i, j) of a thread begins at row 64i + 4ty, column 64j + 4tx.</summary>
    public static void Tile128<TA, TB, TStore, TActivation>(GemmArgs<TA, TB, TStore> args)
        where TA : struct, IGemmOperand
        where TB : struct, IGemmOperand
        where TStore : struct, IGemmStore
        where TActivation : struct, IGpuActivation
    {
        var shared = SharedMemory.Allocate<Float4>(8 * Slab.Length4);
        int thread = Group.IdxX;
        int block = Grid.IdxX;
        int n = block % args.TilesN * 128;
        block /= args.TilesN;
        int m = block % args.TilesM * 128;
        block /= args.TilesM;
        int split = block / args.Split.Batch, batch = block - split * args.Split.Batch;
        int begin = split * args.Split.Length, end = args.Split.End(begin, args.K);

        var a0 = args.A.Start(batch, m, thread);
        var a1 = args.A.Start(batch, m + 64, thread);
        var b0 = args.B.Start(batch, n, thread);
        var b1 = args.B.Start(batch, n + 64, thread);
        var nextA0 = args.A.Fetch(a0, begin, thread);
        var nextA1 = args.A.Fetch(a1, begin, thread);
        var nextB0 = args.B.Fetch(b0, begin, thread);
        var nextB1 = args.B.Fetch(b1, begin, thread);
        Tile4x4 tile00 = default, tile01 = default, tile10 = default, tile11 = default;
        int buffer = 0;
        for (int k0 = begin; k0 < end; k0 += Slab.K)
        {
            var slabs = shared.SubView(buffer, 4 * Slab.Length4).AsAligned(16);
            TA.Put(slabs.SubView(0, Slab.Length4).AsAligned(16), thread, nextA0);
            TA.Put(slabs.SubView(Slab.Length4, Slab.Length4).AsAligned(16), thread, nextA1);
            TB.Put(slabs.SubView(2 * Slab.Length4, Slab.Length4).AsAligned(16), thread, nextB0);
            TB.Put(slabs.SubView(3 * Slab.Length4, Slab.Length4).AsAligned(16), thread, nextB1);
            Group.Barrier();
            if (k0 + Slab.K < end)
            {
                nextA0 = args.A.Fetch(a0, k0 + Slab.K, thread);
                nextA1 = args.A.Fetch(a1, k0 + Slab.K, thread);
                nextB0 = args.B.Fetch(b0, k0 + Slab.K, thread);
                nextB1 = args.B.Fetch(b1, k0 + Slab.K, thread);
            }
            var rows = slabs.SubView(thread / 16).AsAligned(16);
            var columns = slabs.SubView(2 * Slab.Length4 + thread % 16).AsAligned(16);
            for (int k = 0; k < Slab.K; k += 4)
            {
                Step128(ref tile00, ref tile01, ref tile10, ref tile11, rows, columns, k * Slab.Stride4);
            }
            buffer = 4 * Slab.Length4 - buffer;
        }
        int row = m + thread / 16 * 4, column = n + thread % 16 * 4;
        Finish<TA, TB, TStore, TActivation>(args, split, batch, row, column, 32, tile00);
        Finish<TA, TB, TStore, TActivation>(args, split, batch, row, column + 64, 32, tile01);
        Finish<TA, TB, TStore, TActivation>(args, split, batch, row + 64, column, 32, tile10);
        Finish<TA, TB, TStore, TActivation>(args, split, batch, row + 64, column + 64, 32, tile11);
    }

    /// <summary>To the result, or to memory as one of several parts. The block's side is <paramref name="side4"/> fours.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TA, TB, TStore, TActivation>(GemmArgs<TA, TB, TStore> args, int split, int batch, int m, int n,
        int side4, Tile4x4 tile)
        where TA : struct, IGemmOperand
        where TB : struct, IGemmOperand
        where TStore : struct, IGemmStore
        where TActivation : struct, IGpuActivation
    {
        if (args.Split.Splits > 1)
        {
            args.Split.Put(split, batch, m / 4, n / 4, args.TilesM * side4, args.TilesN * side4, tile);
        }
        else
        {
            args.C.Store<TActivation>(batch, m, n, tile);
        }
    }

    /// <summary>Four steps of k, unrolled by hand: ILGPU's unroller is switched off.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step64(ref Tile4x4 tile, ArrayView<Float4> rows, ArrayView<Float4> columns, int k)
    {
        tile.Add(rows[k * Slab.Stride4], columns[k * Slab.Stride4]);
        tile.Add(rows[(k + 1) * Slab.Stride4], columns[(k + 1) * Slab.Stride4]);
        tile.Add(rows[(k + 2) * Slab.Stride4], columns[(k + 2) * Slab.Stride4]);
        tile.Add(rows[(k + 3) * Slab.Stride4], columns[(k + 3) * Slab.Stride4]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step128(ref Tile4x4 tile00, ref Tile4x4 tile01, ref Tile4x4 tile10, ref Tile4x4 tile11,
        ArrayView<Float4> rows, ArrayView<Float4> columns, int at)
    {
        var r = rows.SubView(at).AsAligned(16);
        var c = columns.SubView(at).AsAligned(16);
        Outer128(ref tile00, ref tile01, ref tile10, ref tile11, r, c, 0);
        Outer128(ref tile00, ref tile01, ref tile10, ref tile11, r, c, Slab.Stride4);
        Outer128(ref tile00, ref tile01, ref tile10, ref tile11, r, c, 2 * Slab.Stride4);
        Outer128(ref tile00, ref tile01, ref tile10, ref tile11, r, c, 3 * Slab.Stride4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Outer128(ref Tile4x4 tile00, ref Tile4x4 tile01, ref Tile4x4 tile10, ref Tile4x4 tile11,
        ArrayView<Float4> rows, ArrayView<Float4> columns, int at)
    {
        Float4 a0 = rows[at], a1 = rows[at + Slab.Length4], b0 = columns[at], b1 = columns[at + Slab.Length4];
        tile00.Add(a0, b0);
        tile01.Add(a0, b1);
        tile10.Add(a1, b0);
        tile11.Add(a1, b1);
    }
}

/// <summary>The instantiations of one use of <see cref="GemmKernels"/>: two tile sizes, one kernel an activation.</summary>
internal sealed class GemmFamily<TA, TB, TStore> : IProductFamily
    where TA : struct, IGemmOperand
    where TB : struct, IGemmOperand
    where TStore : struct, IGemmStore, ITileStore
{
    private readonly GpuKernel<GemmArgs<TA, TB, TStore>>[] _tile64, _tile128;

    /// <summary>With every activation, or (plain) without any.</summary>
    public GemmFamily(bool activations = true, [CallerMemberName] string name = "")
    {
        Name = name;
        _tile64 = activations
            ? [Small<GpuIdentity>(), Small<GpuRelu>(), Small<GpuQuickGelu>(), Small<GpuGelu>(), Small<GpuSigmoid>()]
            : [Small<GpuIdentity>()];
        _tile128 = activations
            ? [Large<GpuIdentity>(), Large<GpuRelu>(), Large<GpuQuickGelu>(), Large<GpuGelu>(), Large<GpuSigmoid>()]
            : [Large<GpuIdentity>()];
    }

    public string Name { get; }

    public IReadOnlyList<(int M, int N)> Tiles { get; } = [(64, 64), (128, 128)];

    public IEnumerable<GpuKernel> Kernels => _tile64.Concat(_tile128);

    /// <summary>Queues the product. <paramref name="side"/> is the block's side, 64 or 128, or 0 to choose by size.</summary>
    public void Launch(GpuBackend backend, Activation activation, GemmArgs<TA, TB, TStore> args, int m, int n, int batch,
        int side)
    {
        int chosen = ChooseSide(backend.Multiprocessors, m, n, batch), steps = (args.K + Slab.K - 1) / Slab.K;
        long blocks = (m + chosen - 1L) / chosen * ((n + chosen - 1) / chosen) * batch;
        var shape = new ProductShape(Name, Precision.Fp32, m, n, args.K, batch);
        var plan = backend.Plan(this, shape, steps,
            new ProductPlan(chosen / 128, ProductPlan.ChooseSplits(backend.Multiprocessors, blocks, steps)));
        // A rung that is asked for is itself, not a sum of parts.
        plan = side == 0 ? plan : new ProductPlan(side / 128, Math.Max(1, backend.ForcedSplits));
        side = Tiles[plan.Tile].M;
        args.TilesM = (m + side - 1) / side;
        args.TilesN = (n + side - 1) / side;
        var kernel = (plan.Tile == 0 ? _tile64 : _tile128)[(int)activation];
        var (each, splits) = ProductPlan.Cut(steps, plan.Splits);
        var size4 = (args.TilesM * side / 4, args.TilesN * side / 4);
        backend.Tuner?.Begin();
        using var partial = SplitKernels.Reserve(backend, size4, batch, splits);
        args.Split = SplitKernels.Place(backend, partial, each * Slab.K, batch, splits);
        backend.Launch(kernel, (long)args.TilesM * args.TilesN * batch * splits, args);
        SplitKernels.Finish(backend, args.C, activation, size4, args.Split);
        backend.Tuner?.End(shape, plan);
    }

    /// <summary>The large tile only where its blocks still fill the device once and little of them is padding.</summary>
    internal static int ChooseSide(int multiprocessors, int m, int n, int batch)
    {
        long large = (m + 127L) / 128 * ((n + 127) / 128) * batch, small = (m + 63L) / 64 * ((n + 63) / 64) * batch;
        return m > 64 && n > 64 && large >= multiprocessors && large * 4 <= small * 5 / 4 ? 128 : 64;
    }

    private static GpuKernel<GemmArgs<TA, TB, TStore>> Small<TActivation>() where TActivation : struct, IGpuActivation =>
        new(GemmKernels.Tile64<TA, TB, TStore, TActivation>, GemmKernels.GroupSize, 2);

    private static GpuKernel<GemmArgs<TA, TB, TStore>> Large<TActivation>() where TActivation : struct, IGpuActivation =>
        new(GemmKernels.Tile128<TA, TB, TStore, TActivation>, GemmKernels.GroupSize, 2);
}
