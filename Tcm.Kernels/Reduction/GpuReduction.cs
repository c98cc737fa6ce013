using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Reduction;

internal sealed class GpuReduction(GpuBackend backend) : AxisReduction
{
    private const int ShortAxis = 16;

    /// <summary>For the ladder benchmark and the tests.</summary>
    public GpuVersion Version { get; set; }

    private protected override void SumCore(int outer, int axis, int inner, float scale, Slice x, Slice y)
    {
        var args = new ReduceArgs
        {
            X = GpuBackend.View(x),
            Y = GpuBackend.View(y),
            Outer = outer,
            Axis = axis,
            Inner = inner,
            Scale = scale,
        };
        if (Version == GpuVersion.Naive || axis <= ShortAxis)
        {
            var kernel = ReductionKernels.NaiveKernel;
            backend.Launch(kernel, ((long)outer * inner + kernel.GroupSize - 1) / kernel.GroupSize, args);
        }
        else if (inner == 1)
        {
            backend.Launch(ReductionKernels.RowsKernel, outer, args);
        }
        else
        {
            long tiles = (inner + ReductionKernels.ColumnTile - 1) / ReductionKernels.ColumnTile;
            backend.Launch(ReductionKernels.ColumnsKernel, outer * tiles, args);
        }
    }
}
