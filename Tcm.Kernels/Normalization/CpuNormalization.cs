using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Normalization;

internal sealed unsafe class CpuNormalization(CpuBackend backend) : RowNormalization
{
    private protected override void LayerNormCore(int rows, int columns, float eps, Slice x, Slice gamma, Slice beta, Slice y) => throw new NotSupportedException(GetType().Name + backend.Name);
    private protected override void L2NormalizeCore(int rows, int columns, float eps, Slice x, Slice y) => throw new NotSupportedException(GetType().Name + backend.Name);
    private protected override void SoftmaxCore(int rows, int columns, Slice x, Slice y) => throw new NotSupportedException(GetType().Name + backend.Name);
}
