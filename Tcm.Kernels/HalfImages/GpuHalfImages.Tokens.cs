using Tcm.Kernels.Attention;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;
using Tcm.Kernels.Normalization;

namespace Tcm.Kernels.HalfImages;

// Tokens have no versions of their own: products, attention and normalisation take those of their families.
internal sealed partial class GpuHalfImages
{
    private bool NaiveRows => ((GpuNormalization)backend.Normalization).Version == GpuVersion.Naive;

    private protected override void MeanCore(HalfShape shape, Slice x, Slice y)
    {
        const int chunks = HalfRowKernels.MeanChunks;
        backend.Launch(HalfRowKernels.MeanKernel, (long)shape.N * ((shape.Chunks + chunks - 1) / chunks), new HalfMeanArgs
        {
            X = HalfConvolution.Words(x),
            Y = HalfConvolution.Words(y),
            Pixels = shape.H * shape.W,
            Chunks = shape.Chunks,
        });
    }

    private protected override void LinearCore(PreparedMatrix matrix, HalfShape shape, Slice x, Slice y, Slice? residual) =>
        ((GpuMatrixProducts)backend.MatrixProduct).HalfLinear(matrix, Rows(shape), x, y, residual);

    private protected override void AttentionCore(AttentionShape shape, Slice q, Slice k, Slice v, Slice y) =>
        ((GpuAttention)backend.Attention).HalfForward(shape, q, k, v, y);

    private protected override void LayerNormCore(HalfShape shape, float eps, Slice x, Slice gamma, Slice beta, Slice y) =>
        LaunchRows(HalfRowKernels.LayerNormKernel, HalfRowKernels.LayerNormNaiveKernel, Rows(shape), new HalfNormArgs
        {
            X = HalfConvolution.Words(x),
            Y = HalfConvolution.Words(y),
            Gamma = GpuBackend.View(gamma),
            Beta = GpuBackend.View(beta),
            Rows = Rows(shape),
            Columns = shape.C,
            Chunks = shape.Chunks,
            Eps = eps,
        });

    private protected override void CosineCore(HalfShape shape, float eps, Slice t, Slice x, Slice y) =>
        LaunchRows(HalfRowKernels.CosineKernel, HalfRowKernels.CosineNaiveKernel, Rows(shape), new HalfCosineArgs
        {
            X = HalfConvolution.Words(x),
            T = HalfConvolution.Words(t),
            Y = GpuBackend.View(y),
            Rows = Rows(shape),
            ImageRows = shape.H * shape.W,
            Chunks = shape.Chunks,
            Eps = eps,
        });

    /// <summary>Every pixel is a row.</summary>
    private static int Rows(HalfShape shape) => checked((int)shape.Pixels);

    private void LaunchRows<TArgs>(GpuKernel<TArgs> byWarp, GpuKernel<TArgs> byThread, int rows, TArgs args) where TArgs : struct
    {
        var kernel = NaiveRows ? byThread : byWarp;
        int each = NaiveRows ? kernel.GroupSize : HalfRowKernels.GroupSize / HalfRowKernels.WarpSize;
        backend.Launch(kernel, ((long)rows + each - 1) / each, args);
    }
}
