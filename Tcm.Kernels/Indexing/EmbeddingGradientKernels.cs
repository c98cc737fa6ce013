using ILGPU;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Indexing;

// dtable[id] = sum of the rows of dy whose id it is. The ids are sorted on the host: one group a row of the table that occurs
// walks over its places in their order, so that sums repeat exactly, which float atomics would not give.
internal static class EmbeddingGradientKernels
{
    public static void SumRows(ScatterArgs args)
    {
        int target = args.Rows[Grid.IdxX] * args.Width, first = args.Starts[Grid.IdxX], end = args.Starts[Grid.IdxX + 1];
        for (int i = Group.IdxX; i < args.Width; i += Group.DimX)
        {
            float sum = 0;
            for (int place = first; place < end; place++)
            {
                sum += args.Dy[args.Places[place] * args.Width + i];
            }
            args.Dtable[target + i] = sum;
        }
    }

    public static GpuKernel<ScatterArgs> SumRowsKernel { get; } = new(SumRows, 128);

    public static IEnumerable<GpuKernel> All => [SumRowsKernel];
}

/// <summary>Arguments of <see cref="EmbeddingGradientKernels.SumRows"/>: rows[g] sums the places starts[g] to starts[g+1].</summary>
internal struct ScatterArgs
{
    public ArrayView<float> Dy, Dtable;
    public ArrayView<int> Rows, Starts, Places;
    public int Width;
}
