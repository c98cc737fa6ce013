using ILGPU;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Reduction;

// y[o,i] = scale * sum over a of x[o,a,i] for x (outer, axis, inner).
//   V1 Naive    one thread a result.
//   V2 Rows     inner = 1: one group of 128 threads a result. <- default for long axes
//   V2 Columns  inner > 1: a group takes 32 neighbouring results, 8 threads share each one's axis. <- default for long axes
//   Short axes stay with V1: its reads are coalesced over inner, and there is nothing to share.
internal static class ReductionKernels
{
    public const int ColumnTile = 32, ColumnThreads = 8;

    public static void Naive(ReduceArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Outer * args.Inner)
        {
            return;
        }
        int outer = i / args.Inner;
        int at = outer * args.Axis * args.Inner + (i - outer * args.Inner);
        float sum = 0;
        for (int a = 0; a < args.Axis; a++, at += args.Inner)
        {
            sum += args.X[at];
        }
        args.Y[i] = args.Scale * sum;
    }

    public static void Rows(ReduceArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        int start = Grid.IdxX * args.Axis;
        float sum = 0;
        for (int a = Group.IdxX; a < args.Axis; a += GroupReduction.GroupSize)
        {
            sum += args.X[start + a];
        }
        sum = GroupReduction.Sum(shared, sum);
        if (Group.IdxX == 0)
        {
            args.Y[Grid.IdxX] = args.Scale * sum;
        }
    }

    public static void Columns(ReduceArgs args)
    {
        var shared = SharedMemory.Allocate<float>(ColumnTile * ColumnThreads);
        int tiles = (args.Inner + ColumnTile - 1) / ColumnTile;
        int outer = Grid.IdxX / tiles;
        int column = Group.IdxX % ColumnTile, slice = Group.IdxX / ColumnTile;
        int inner = (Grid.IdxX - outer * tiles) * ColumnTile + column;
        float sum = 0;
        if (inner < args.Inner)
        {
            for (int a = slice; a < args.Axis; a += ColumnThreads)
            {
                sum += args.X[(outer * args.Axis + a) * args.Inner + inner];
            }
        }
        shared[Group.IdxX] = sum;
        Group.Barrier();
        if (slice == 0 && inner < args.Inner)
        {
            for (int s = 1; s < ColumnThreads; s++)
            {
                sum += shared[s * ColumnTile + column];
            }
            args.Y[outer * args.Inner + inner] = args.Scale * sum;
        }
    }

    public static GpuKernel<ReduceArgs> NaiveKernel { get; } = new(Naive);

    public static GpuKernel<ReduceArgs> RowsKernel { get; } = new(Rows, GroupReduction.GroupSize);

    public static GpuKernel<ReduceArgs> ColumnsKernel { get; } = new(Columns, ColumnTile * ColumnThreads);

    public static IEnumerable<GpuKernel> All => [NaiveKernel, RowsKernel, ColumnsKernel];
}

/// <summary>Arguments of the reductions.</summary>
internal struct ReduceArgs
{
    public ArrayView<float> X, Y;
    public int Outer, Axis, Inner;
    public float Scale;
}
