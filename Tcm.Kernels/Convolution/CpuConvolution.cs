using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

internal sealed unsafe class CpuConvolution(CpuBackend backend) : Convolution2d
{
    private protected override PreparedConvolution PrepareCore(Conv2dFilter filter, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, Activation activation) => throw new NotSupportedException(GetType().Name + backend.Name);
    private protected override PreparedConvolution PrepareTransposedCore(int c, int k, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, Activation activation) => throw new NotSupportedException(GetType().Name + backend.Name);
    private protected override void RunCore(PreparedConvolution convolution, ImageBatch input, Slice x, Slice y, Slice? residual, long yImageStride) => throw new NotSupportedException(GetType().Name + backend.Name);
}
