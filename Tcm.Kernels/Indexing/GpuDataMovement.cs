using System.Runtime.InteropServices;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Indexing;

internal sealed partial class GpuDataMovement(GpuBackend backend) : DataMovement
{
    /// <summary>For the ladder benchmark and the tests.</summary>
    public GpuVersion Version { get; set; }

    private protected override void TransposeCore(int batch, int rows, int columns, Slice x, Slice y)
    {
        var args = new TransposeArgs
        {
            X = GpuBackend.View(x),
            Y = GpuBackend.View(y),
            Batch = batch,
            Rows = rows,
            Columns = columns,
        };
        if (Version == GpuVersion.Naive)
        {
            var kernel = DataMovementKernels.TransposeNaiveKernel;
            backend.Launch(kernel, ((long)batch * rows * columns + kernel.GroupSize - 1) / kernel.GroupSize, args);
            return;
        }
        const int tile = DataMovementKernels.Tile;
        backend.Launch(DataMovementKernels.TransposeKernel,
            (long)batch * ((rows + tile - 1) / tile) * ((columns + tile - 1) / tile), args);
    }

    private protected override void CopyRunsCore(int count, long run, Slice x, long xStride, Slice y, long yStride)
    {
        bool four = Version == GpuVersion.Auto
            && ((run | x.Offset | y.Offset) & 3) == 0 && (count == 1 || ((xStride | yStride) & 3) == 0);
        var kernel = four ? DataMovementKernels.CopyRuns4Kernel : DataMovementKernels.CopyRunsKernel;
        int width = four ? 4 : 1;
        backend.Launch(kernel, (count * (run / width) + kernel.GroupSize - 1) / kernel.GroupSize, new CopyArgs
        {
            X = GpuBackend.LongView(x),
            Y = GpuBackend.LongView(y),
            Count = count,
            Run = run / width,
            XStride = xStride / width,
            YStride = yStride / width,
        });
    }

    private protected override void GatherRowsCore(int width, Slice table, ReadOnlySpan<int> ids, Slice y)
    {
        if (ids.IsEmpty || width == 0)
        {
            return;
        }
        // Pool blocks hold floats; the bits of the ids travel as such.
        using var storage = backend.Allocate(ids.Length);
        backend.Upload(MemoryMarshal.Cast<int, float>(ids), storage.All);
        backend.Launch(DataMovementKernels.GatherRowsKernel, ids.Length, new GatherArgs
        {
            Table = GpuBackend.View(table),
            Y = GpuBackend.View(y),
            Ids = GpuBackend.View(storage.All).Cast<int>(),
            Width = width,
        });
    }
}
