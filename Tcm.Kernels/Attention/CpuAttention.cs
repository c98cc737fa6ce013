using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Attention;

internal sealed unsafe class CpuAttention(CpuBackend backend) : MultiHeadAttention
{
    private protected override void ForwardCore(AttentionShape shape, Slice q, Slice k, Slice v, Slice y) => throw new NotSupportedException(GetType().Name + backend.Name);
}
