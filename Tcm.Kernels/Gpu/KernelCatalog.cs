using Tcm.Kernels.Attention;
using Tcm.Kernels.Components;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.HalfImages;
using Tcm.Kernels.Images;
using Tcm.Kernels.Indexing;
using Tcm.Kernels.Losses;
using Tcm.Kernels.MatrixProduct;
using Tcm.Kernels.Normalization;
using Tcm.Kernels.Optimizers;
using Tcm.Kernels.Pooling;
using Tcm.Kernels.Reduction;
using Tcm.Kernels.Resampling;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// Every kernel instantiation that <see cref="GpuBackend"/> can load. The tests compile and lint all of them without a GPU,
/// and fail when a kernel method is missing here.
/// </summary>
internal static class KernelCatalog
{
    public static IReadOnlyList<GpuKernel> All { get; } =
    [
        .. Conv2dKernels.All, .. MatrixKernels.All, .. AttentionKernels.All, .. NormalizationKernels.All,
        .. ElementwiseKernels.All, .. ReductionKernels.All, .. PoolingKernels.All, .. ResamplingKernels.All,
        .. DataMovementKernels.All, .. ImageKernels.All, .. ComponentKernels.All, .. BalancedEntropyKernels.All, .. MapLossKernels.All,
        .. SquaredDiceKernels.All, .. InstanceLossKernels.All,
        .. OptimizerKernels.All, .. PeakKernels.All, .. Conv2dGradientKernels.All,
        .. ActivationGradientKernels.All, .. RowGradientKernels.All, .. BatchNormKernels.All,
        .. BatchNormNaiveKernels.All, .. PoolingGradientKernels.All,
        .. ResamplingGradientKernels.All, .. EmbeddingGradientKernels.All, .. AttentionGradientKernels.All,
        .. NaiveAttentionGradientKernels.All, .. HalfImageKernels.All, .. HalfElementwiseKernels.All,
        .. HalfRowKernels.All, .. HalfGemmKernels.All, .. HalfAttentionKernels.All,
        .. SplitKernels.All, .. TensorAttentionKernels.All,
    ];
}
