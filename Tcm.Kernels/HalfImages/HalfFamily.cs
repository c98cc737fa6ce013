using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.HalfImages;

/// <summary>The instantiations of one use of <see cref="HalfGemmKernels"/>: three tiles, with any activation.</summary>
/// <param name="name">Of the family.</param>
/// <param name="sum">The second pass of a product whose k is cut into parts.</param>
internal sealed class HalfFamily<TA, TStore>(string name, GpuKernel<HalfSumArgs<TStore>> sum) : IProductFamily
    where TA : struct, IHalfOperand
    where TStore : struct, IHalfStore
{
    private readonly GpuKernel<HalfGemmArgs<TA, TStore>> _naive = new(HalfGemmKernels.Naive<TA, TStore>);
    private readonly GpuKernel<HalfGemmArgs<TA, TStore>>[] _kernels = Instances<Fp16Core>();

    public string Name => name;

    /// <summary>The largest first.</summary>
    public IReadOnlyList<(int M, int N)> Tiles { get; } = [(128, 128), (128, 64), (64, 64)];

    /// <summary>All instantiations; those of tiles are in inline PTX.</summary>
    public IEnumerable<GpuKernel> Kernels => [_naive, .. _kernels];

    /// <summary>Queues the product of a (m,k) and the weights (n,k).</summary>
    /// <param name="backend">The device.</param>
    /// <param name="weights">Packed; their bias is the store's.</param>
    /// <param name="args">Operand and store; the rest is filled in here.</param>
    /// <param name="activation">Applied last.</param>
    /// <param name="m">Rows.</param>
    /// <param name="n">Columns that are wanted.</param>
    /// <param name="tile">Index of a tile, <see cref="HalfGemmKernels.NoTile"/>, or -1 to choose by shape.</param>
    public void Launch(GpuBackend backend, TensorWeights weights, HalfGemmArgs<TA, TStore> args, Activation activation, int m,
        int n, int tile)
    {
        var operand = weights.Operand;
        args.Weights = operand.Values;
        args.WeightsAddress = operand.Address;
        args.RowLength = operand.RowLength;
        args.Activation = (int)activation;
        if (tile == HalfGemmKernels.NoTile)
        {
            args.TilesM = m;
            args.TilesN = (n + 7) / 8;
            args.Partial = backend.Nothing.Cast<Float4>();
            backend.Launch(_naive, ((long)m * args.TilesN + _naive.GroupSize - 1) / _naive.GroupSize, args);
            return;
        }
        backend.RequireTensorCores(Precision.Fp16);
        int steps = operand.RowLength / 4, chosen = TensorTiles.Choose(Tiles, backend.Multiprocessors, m, n, 1);
        var shape = new ProductShape(Name, Precision.Fp16, m, n, 8 * operand.RowLength, 1);
        var plan = backend.Plan(this, shape, steps,
            new ProductPlan(chosen, ProductPlan.ChooseSplits(backend.Multiprocessors, TensorTiles.Blocks(Tiles[chosen], m, n, 1),
                steps)));
        plan = tile < 0 ? plan : new ProductPlan(tile, Math.Max(1, backend.ForcedSplits));
        var (tileM, tileN) = Tiles[plan.Tile];
        var (each, splits) = ProductPlan.Cut(steps, plan.Splits);
        args.Steps = steps;
        args.SplitSteps = each;
        args.TilesM = (m + tileM - 1) / tileM;
        args.TilesN = (n + tileN - 1) / tileN;
        args.Splits = splits;
        int columns8 = args.TilesN * tileN / 8, stride = args.TilesM * tileM * columns8;
        backend.Tuner?.Begin();
        using var partial = splits > 1 ? backend.Allocate((long)splits * stride * 8) : null;
        args.Partial = (partial is null ? backend.Nothing : GpuBackend.View(partial.All)).Cast<Float4>();
        backend.Launch(_kernels[plan.Tile], (long)args.TilesM * args.TilesN * splits, args);
        if (splits > 1)
        {
            backend.Launch(sum, ((long)m * columns8 + sum.GroupSize - 1) / sum.GroupSize, new HalfSumArgs<TStore>
            {
                C = args.C,
                Partial = args.Partial,
                Columns8 = columns8,
                Rows = m,
                Stride = stride,
                Splits = splits,
                Activation = (int)activation,
            });
        }
        backend.Tuner?.End(shape, plan);
    }

    private static GpuKernel<HalfGemmArgs<TA, TStore>>[] Instances<TCore>() where TCore : struct, ITensorCore =>
        [Kernel<TCore, HalfTile128x128>(), Kernel<TCore, HalfTile128x64>(), Kernel<TCore, HalfTile64x64>()];

    private static GpuKernel<HalfGemmArgs<TA, TStore>> Kernel<TCore, TTile>()
        where TCore : struct, ITensorCore
        where TTile : struct, IHalfTile => new(HalfGemmKernels.Layer<TCore, TTile, TA, TStore>, HalfGemmKernels.Threads, 2);
}
