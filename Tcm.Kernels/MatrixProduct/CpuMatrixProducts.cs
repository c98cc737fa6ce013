using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.MatrixProduct;

internal sealed unsafe class CpuMatrixProducts(CpuBackend backend) : MatrixProducts
{
    private protected override PreparedMatrix PrepareCore(int n, int k, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, Activation activation) => throw new NotSupportedException(GetType().Name + backend.Name);
    private protected override void LinearCore(PreparedMatrix matrix, int rows, Slice x, Slice y, Slice? residual) => throw new NotSupportedException(GetType().Name + backend.Name);
    private protected override void MultiplyCore(MatrixShape shape, Slice a, Slice b, Slice c, float alpha) => throw new NotSupportedException(GetType().Name + backend.Name);
}
