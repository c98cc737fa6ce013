using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Images;

internal sealed unsafe class CpuImageInput(CpuBackend backend) : ImageInput
{
    private protected override void NormalizePadCore(ReadOnlySpan<byte> rgb, int rowStride, int h, int w, int paddedH, int paddedW, ChannelNormalization normalization, Slice y) => throw new NotSupportedException(GetType().Name + backend.Name);
}
