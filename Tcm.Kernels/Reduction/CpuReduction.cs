using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Reduction;

internal sealed unsafe class CpuReduction(CpuBackend backend) : AxisReduction
{
    private protected override void SumCore(int outer, int axis, int inner, float scale, Slice x, Slice y) => throw new NotSupportedException(GetType().Name + backend.Name);
}
