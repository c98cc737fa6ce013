using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>The instantiations of one use of <see cref="TensorGemmKernels"/>: three formats, three tiles.</summary>
internal sealed class TensorFamily<TA, TB, TStore>
    where TA : struct, ITensorOperand
    where TB : struct, ITensorOperand
    where TStore : struct, ITileStore
{
    private readonly bool _activations;
    private readonly GpuKernel<TensorGemmArgs<TA, TB, TStore>>[] _kernels, _emulated;

    /// <summary>With activations, or (plain) without any.</summary>
    public TensorFamily(bool activations = true)
    {
        _activations = activations;
        _kernels = [.. Tiles<Tf32Core>(), .. Tiles<Fp16Core>(), .. Tiles<Bf16Core>()];
        _emulated = [.. Tiles<EmulatedTf32Core>(), .. Tiles<EmulatedFp16Core>(), .. Tiles<EmulatedBf16Core>()];
    }

    /// <summary>Those for CUDA, in inline PTX.</summary>
    public IEnumerable<GpuKernel> Kernels => _kernels;

    /// <summary>Those for the simulator, in C#.</summary>
    public IEnumerable<GpuKernel> Emulated => _emulated;

    /// <summary>
    /// Queues the product of a (m,k) and b (k,n). <paramref name="tile"/> is an index into <see cref="TensorTiles.Sizes"/>, or
    /// negative to choose by size.
    /// </summary>
    public void Launch(GpuBackend backend, Precision precision, Activation activation, TensorGemmArgs<TA, TB, TStore> args, int m,
        int n, int k, int batch, int tile)
    {
        backend.RequireTensorCores(precision);
        tile = tile < 0 ? TensorTiles.Choose(backend.Multiprocessors, m, n, batch) : tile;
        var size = TensorTiles.Sizes[tile];
        int step = 4 * TensorFormats.ChunkValues(precision);
        args.Steps = (k + step - 1) / step;
        args.TilesM = (m + size.M - 1) / size.M;
        args.TilesN = (n + size.N - 1) / size.N;
        args.Activation = (int)activation;
        int index = (precision - Precision.Tf32) * TensorTiles.Sizes.Count + tile;
        backend.Launch((backend.IsSimulator ? _emulated : _kernels)[index], (long)args.TilesM * args.TilesN * batch, args);
    }

    private GpuKernel<TensorGemmArgs<TA, TB, TStore>>[] Tiles<TCore>() where TCore : struct, ITensorCore =>
        [Kernel<TCore, Tile128x128>(), Kernel<TCore, Tile64x128>(), Kernel<TCore, Tile64x64>()];

    private GpuKernel<TensorGemmArgs<TA, TB, TStore>> Kernel<TCore, TTile>()
        where TCore : struct, ITensorCore
        where TTile : struct, ITensorTile => _activations
        ? new(TensorGemmKernels.Layer<TCore, TTile, TA, TB, TStore>, TTile.Threads)
        : new(TensorGemmKernels.Product<TCore, TTile, TA, TB, TStore>, TTile.Threads);
}
