using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Elementwise;

internal sealed unsafe class CpuElementwise(CpuBackend backend) : ElementwiseMaps
{
    private protected override void ActivateCore(Activation activation, Slice x, Slice y) => throw new NotSupportedException(GetType().Name + backend.Name);
    private protected override void AffineCore(float scale, float offset, Slice x, Slice y) => throw new NotSupportedException(GetType().Name + backend.Name);
    private protected override void BinaryCore(BinaryOp op, Broadcast broadcast, Slice a, Slice b, Slice y) => throw new NotSupportedException(GetType().Name + backend.Name);
    private protected override void AddScaledCore(float scale, Slice a, Slice b, Slice y) => throw new NotSupportedException(GetType().Name + backend.Name);
}
