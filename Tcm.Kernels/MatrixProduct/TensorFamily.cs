using System.Runtime.CompilerServices;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>The instantiations of one use of <see cref="TensorGemmKernels"/>: three formats, three tiles.</summary>
internal sealed class TensorFamily<TA, TB, TStore> : IProductFamily
    where TA : struct, ITensorOperand
    where TB : struct, ITensorOperand
    where TStore : struct, ITileStore
{
    private readonly bool _activations, _training;
    private readonly GpuKernel<TensorGemmArgs<TA, TB, TStore>>[] _kernels;

    /// <summary>With activations, or (plain) without any; in training without half precision, in whose place TF32
    /// is taken, and with square tiles alone.</summary>
    public TensorFamily(bool activations = true, bool training = false, [CallerMemberName] string name = "")
    {
        Name = name;
        _activations = activations;
        _training = training;
        _kernels = [.. Instances<Tf32Core>(), .. training ? [] : Instances<Fp16Core>(), .. Instances<Bf16Core>()];
    }

    public string Name { get; }

    public IReadOnlyList<(int M, int N)> Tiles => _training ? TensorTiles.Square : TensorTiles.Sizes;

    /// <summary>All instantiations; in inline PTX.</summary>
    public IEnumerable<GpuKernel> Kernels => _kernels;

    /// <summary>
    /// Queues the product of a (m,k) and b (k,n). <paramref name="tile"/> is an index into <see cref="Tiles"/>, or
    /// negative to choose by size.
    /// </summary>
    public void Launch(GpuBackend backend, Precision precision, Activation activation, TensorGemmArgs<TA, TB, TStore> args, int m,
        int n, int k, int batch, int tile)
    {
        backend.RequireTensorCores(precision);
        precision = precision == Precision.Fp16 && _training ? Precision.Tf32 : precision;
        int chosen = TensorTiles.Choose(Tiles, backend.Multiprocessors, m, n, batch);
        int step = 4 * TensorFormats.ChunkValues(precision);
        args.Steps = (k + step - 1) / step;
        var shape = new ProductShape(Name, precision, m, n, k, batch);
        var plan = backend.Plan(this, shape, args.Steps, new ProductPlan(chosen, ProductPlan.ChooseSplits(backend.Multiprocessors,
            TensorTiles.Blocks(Tiles[chosen], m, n, batch), args.Steps)));
        plan = tile < 0 ? plan : new ProductPlan(tile, Math.Max(1, backend.ForcedSplits));
        var size = Tiles[plan.Tile];
        args.TilesM = (m + size.M - 1) / size.M;
        args.TilesN = (n + size.N - 1) / size.N;
        args.Activation = (int)activation;
        int format = precision == Precision.Bf16 && _training ? 1 : precision - Precision.Tf32;
        int index = format * Tiles.Count + plan.Tile;
        var kernel = _kernels[index];
        var (each, splits) = ProductPlan.Cut(args.Steps, plan.Splits);
        var size4 = (args.TilesM * size.M / 4, args.TilesN * size.N / 4);
        backend.Tuner?.Begin();
        using var partial = SplitKernels.Reserve(backend, size4, batch, splits);
        args.Split = SplitKernels.Place(backend, partial, each, batch, splits);
        backend.Launch(kernel, (long)args.TilesM * args.TilesN * batch * splits, args);
        SplitKernels.Finish(backend, args.C, activation, size4, args.Split);
        backend.Tuner?.End(shape, plan);
    }

    private GpuKernel<TensorGemmArgs<TA, TB, TStore>>[] Instances<TCore>() where TCore : struct, ITensorCore =>
        _training ? [Kernel<TCore, Tile128x128>(), Kernel<TCore, Tile64x64>()]
            : [Kernel<TCore, Tile128x128>(), Kernel<TCore, Tile64x128>(), Kernel<TCore, Tile64x64>()];

    private GpuKernel<TensorGemmArgs<TA, TB, TStore>> Kernel<TCore, TTile>()
        where TCore : struct, ITensorCore
        where TTile : struct, ITensorTile => _activations
        ? new(TensorGemmKernels.Layer<TCore, TTile, TA, TB, TStore>, TTile.Threads)
        : new(TensorGemmKernels.Product<TCore, TTile, TA, TB, TStore>, TTile.Threads);
}
