using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Indexing;

internal sealed unsafe class CpuDataMovement(CpuBackend backend) : DataMovement
{
    private protected override void TransposeCore(int batch, int rows, int columns, Slice x, Slice y) => throw new NotSupportedException(GetType().Name + backend.Name);
    private protected override void CopyRunsCore(int count, long run, Slice x, long xStride, Slice y, long yStride) => throw new NotSupportedException(GetType().Name + backend.Name);
    private protected override void GatherRowsCore(int width, Slice table, ReadOnlySpan<int> ids, Slice y) => throw new NotSupportedException(GetType().Name + backend.Name);
}
