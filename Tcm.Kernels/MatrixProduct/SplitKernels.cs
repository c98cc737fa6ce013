using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>Which part of k a block of a product takes, and where its sums go when there are several parts.</summary>
internal struct SplitPlace
{
    /// <summary>Tiles of 4x4 sums (part, batch, row / 4, column / 4, 4 rows).</summary>
    public ArrayView<Float4> Partial;

    /// <summary>Parts, length of a part (in the kernel's unit of k), matrices of the batch.</summary>
    public int Splits, Length, Batch;

    /// <summary>Where the part that begins at <paramref name="first"/> ends.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int End(int first, int length) => first + Length < length ? first + Length : length;

    /// <summary>Keeps one tile of a part; rows and columns count fours, those of the whole blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Put(int split, int batch, int row4, int column4, int rows4, int columns4, Tile4x4 tile)
    {
        int at = (((split * Batch + batch) * rows4 + row4) * columns4 + column4) * 4;
        Partial[at] = tile.Row0;
        Partial[at + 1] = tile.Row1;
        Partial[at + 2] = tile.Row2;
        Partial[at + 3] = tile.Row3;
    }
}

/// <summary>Arguments of <see cref="SplitKernels.Sum"/>.</summary>
internal struct SplitSumArgs<TStore> where TStore : struct, ITileStore
{
    public TStore C;
    public SplitPlace Split;

    /// <summary>Fours of rows and of columns, and an <see cref="Activation"/>.</summary>
    public int Rows4, Columns4, Activation;
}

// The second pass of a product whose k is cut into parts: adds the parts' sums in their order, whatever order they were computed
// in, so that equal inputs give equal bits, and hands them to the store that the product would have used.
//   Sum  one thread a tile of 4x4.
internal static class SplitKernels
{
    public static void Sum<TStore>(SplitSumArgs<TStore> args) where TStore : struct, ITileStore
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        int tiles = args.Split.Batch * args.Rows4 * args.Columns4;
        if (i >= tiles)
        {
            return;
        }
        var tile = default(Tile4x4);
        for (int split = 0; split < args.Split.Splits; split++)
        {
            int at = (split * tiles + i) * 4;
            tile.Row0 = Add(tile.Row0, args.Split.Partial[at]);
            tile.Row1 = Add(tile.Row1, args.Split.Partial[at + 1]);
            tile.Row2 = Add(tile.Row2, args.Split.Partial[at + 2]);
            tile.Row3 = Add(tile.Row3, args.Split.Partial[at + 3]);
        }
        int column = i % args.Columns4, row = i / args.Columns4 % args.Rows4, batch = i / (args.Columns4 * args.Rows4);
        args.C.Store(new GpuActivationByNumber(args.Activation), batch, row * 4, column * 4, tile);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Add(Float4 a, Float4 b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    /// <summary>Memory for the sums of the parts, or null when there is only one; given back when all is queued.</summary>
    public static Storage? Reserve(GpuBackend backend, (int Rows, int Columns) size4, int batch, int splits) =>
        splits > 1 ? backend.Allocate((long)splits * size4.Rows * size4.Columns * batch * 16) : null;

    /// <summary>What the product is told of it.</summary>
    public static SplitPlace Place(GpuBackend backend, Storage? partial, int length, int batch, int splits) => new()
    {
        // A view that is not used must still be one.
        Partial = (partial is null ? backend.Nothing : GpuBackend.View(partial.All)).Cast<Float4>(),
        Splits = splits,
        Length = length,
        Batch = batch,
    };

    /// <summary>Queues the second pass behind a product, if it was cut.</summary>
    /// <param name="backend">The device.</param>
    /// <param name="store">The product's.</param>
    /// <param name="activation">The product's.</param>
    /// <param name="size4">Rows and columns of the whole blocks, in fours.</param>
    /// <param name="place">The product's.</param>
    public static void Finish<TStore>(GpuBackend backend, TStore store, Activation activation, (int Rows, int Columns) size4,
        SplitPlace place) where TStore : struct, ITileStore
    {
        if (place.Splits > 1)
        {
            var kernel = Kernels<TStore>.Sum;
            long tiles = (long)size4.Rows * size4.Columns * place.Batch;
            backend.Launch(kernel, (tiles + kernel.GroupSize - 1) / kernel.GroupSize, new SplitSumArgs<TStore>
            {
                C = store,
                Split = place,
                Rows4 = size4.Rows,
                Columns4 = size4.Columns,
                Activation = (int)activation,
            });
        }
    }

    public static GpuKernel<SplitSumArgs<LinearStore>> LinearSum => Kernels<LinearStore>.Sum;

    public static GpuKernel<SplitSumArgs<ProductStore>> ProductSum => Kernels<ProductStore>.Sum;

    public static GpuKernel<SplitSumArgs<ConvStore>> ConvolutionSum => Kernels<ConvStore>.Sum;

    public static GpuKernel<SplitSumArgs<PixelShuffleStore>> ShuffledSum => Kernels<PixelShuffleStore>.Sum;

    public static IEnumerable<GpuKernel> All => [LinearSum, ProductSum, ConvolutionSum, ShuffledSum];

    private static class Kernels<TStore> where TStore : struct, ITileStore
    {
        public static GpuKernel<SplitSumArgs<TStore>> Sum { get; } = new(SplitKernels.Sum);
    }
}
