using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Pooling;

internal sealed unsafe class CpuPooling(CpuBackend backend) : AveragePooling
{
    private protected override void ForwardCore(int planes, int h, int w, int kernel, Slice x, Slice y) => throw new NotSupportedException(GetType().Name + backend.Name);
}
