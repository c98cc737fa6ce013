using ILGPU;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Indexing;

// Transposes, copies of runs, gathers of rows.
//   V1 TransposeNaive  one thread a value; reads are coalesced, writes are not.
//   V2 Transpose       32x32 tiles through shared memory, both sides coalesced; one float of padding a row, so that a
//                      column of the tile meets no bank twice. <- default
//   V1 CopyRuns        one thread a float.
//   V2 CopyRuns4       one thread four floats, where runs, strides and slices are multiples of 4. <- default there
internal static class DataMovementKernels
{
    public const int Tile = 32, TileRows = 8;

    /// <summary>x (batch, Rows, Columns) to y (batch, Columns, Rows); 32x8 threads a tile.</summary>
    public static void Transpose(TransposeArgs args)
    {
        var shared = SharedMemory.Allocate<float>(Tile * (Tile + 1));
        int tilesX = (args.Columns + Tile - 1) / Tile, tilesY = (args.Rows + Tile - 1) / Tile;
        int block = Grid.IdxX;
        int x0 = block % tilesX * Tile;
        block /= tilesX;
        int y0 = block % tilesY * Tile;
        int start = block / tilesY * args.Rows * args.Columns;
        int tx = Group.IdxX % Tile, ty = Group.IdxX / Tile;
        for (int r = ty; r < Tile; r += TileRows)
        {
            if (y0 + r < args.Rows && x0 + tx < args.Columns)
            {
                shared[r * (Tile + 1) + tx] = args.X[start + (y0 + r) * args.Columns + x0 + tx];
            }
        }
        Group.Barrier();
        for (int r = ty; r < Tile; r += TileRows)
        {
            if (x0 + r < args.Columns && y0 + tx < args.Rows)
            {
                args.Y[start + (x0 + r) * args.Rows + y0 + tx] = shared[tx * (Tile + 1) + r];
            }
        }
    }

    public static void TransposeNaive(TransposeArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Batch * args.Rows * args.Columns)
        {
            return;
        }
        int column = i % args.Columns, row = i / args.Columns % args.Rows, batch = i / (args.Rows * args.Columns);
        args.Y[(batch * args.Columns + column) * args.Rows + row] = args.X[i];
    }

    public static void CopyRuns(CopyArgs args)
    {
        long i = (long)Grid.IdxX * Group.DimX + Group.IdxX;
        if (i < args.Count * args.Run)
        {
            long run = i / args.Run, at = i - run * args.Run;
            args.Y[run * args.YStride + at] = args.X[run * args.XStride + at];
        }
    }

    /// <summary>As <see cref="CopyRuns"/>; run and strides count groups of four floats.</summary>
    public static void CopyRuns4(CopyArgs args)
    {
        long i = (long)Grid.IdxX * Group.DimX + Group.IdxX;
        if (i < args.Count * args.Run)
        {
            long run = i / args.Run, at = i - run * args.Run;
            args.Y.Cast<Float4>()[run * args.YStride + at] = args.X.Cast<Float4>()[run * args.XStride + at];
        }
    }

    /// <summary>y[i] = table[ids[i]]; one group a row.</summary>
    public static void GatherRows(GatherArgs args)
    {
        int source = args.Ids[Grid.IdxX] * args.Width, target = Grid.IdxX * args.Width;
        for (int i = Group.IdxX; i < args.Width; i += Group.DimX)
        {
            args.Y[target + i] = args.Table[source + i];
        }
    }

    public static GpuKernel<TransposeArgs> TransposeKernel { get; } = new(Transpose, Tile * TileRows);

    public static GpuKernel<TransposeArgs> TransposeNaiveKernel { get; } = new(TransposeNaive);

    public static GpuKernel<CopyArgs> CopyRunsKernel { get; } = new(CopyRuns);

    public static GpuKernel<CopyArgs> CopyRuns4Kernel { get; } = new(CopyRuns4);

    public static GpuKernel<GatherArgs> GatherRowsKernel { get; } = new(GatherRows, 128);

    public static IEnumerable<GpuKernel> All =>
        [TransposeKernel, TransposeNaiveKernel, CopyRunsKernel, CopyRuns4Kernel, GatherRowsKernel];
}

/// <summary>Arguments of the transposes.</summary>
internal struct TransposeArgs
{
    public ArrayView<float> X, Y;
    public int Batch, Rows, Columns;
}

/// <summary>Arguments of the copies.</summary>
internal struct CopyArgs
{
    public ArrayView<float> X, Y;
    public long Count, Run, XStride, YStride;
}

/// <summary>Arguments of <see cref="DataMovementKernels.GatherRows"/>.</summary>
internal struct GatherArgs
{
    public ArrayView<float> Table, Y;
    public ArrayView<int> Ids;
    public int Width;
}
