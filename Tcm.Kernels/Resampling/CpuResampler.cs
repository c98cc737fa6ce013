using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Resampling;

internal sealed unsafe class CpuResampler(CpuBackend backend) : Resampler
{
    private protected override void ResizeCore(ResizeMode mode, ResizeShape shape, Slice x, Slice y, bool accumulate) => throw new NotSupportedException(GetType().Name + backend.Name);
}
