using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Normalization;

/// <summary>Launchers of <see cref="BatchNormKernels"/> and <see cref="BatchNormNaiveKernels"/>.</summary>
internal sealed class GpuBatchNormalization(GpuBackend backend) : BatchNormalization
{
    /// <summary>For the tests.</summary>
    public GpuVersion Version { get; set; }

    private protected override void ForwardCore(BatchNormShape shape, Activation activation, Slice x, Slice gamma, Slice beta,
        Slice? residual, Slice runningMean, Slice runningVar, Slice y, Slice mean, Slice invStd)
    {
        int count = shape.N * shape.Pixels, blocks = (count + BatchNormKernels.Block - 1) / BatchNormKernels.Block;
        using var partial = backend.Allocate(2L * blocks * shape.C);
        var args = new BatchNormArgs
        {
            X = GpuBackend.View(x),
            Y = GpuBackend.View(y),
            Gamma = GpuBackend.View(gamma),
            Beta = GpuBackend.View(beta),
            Residual = GpuBackend.View(residual ?? x),
            RunningMean = GpuBackend.View(runningMean),
            RunningVar = GpuBackend.View(runningVar),
            Mean = GpuBackend.View(mean),
            InvStd = GpuBackend.View(invStd),
            Partial = GpuBackend.View(partial.All),
            C = shape.C,
            Pixels = shape.Pixels,
            Count = count,
            Blocks = blocks,
            Training = shape.Training ? 1 : 0,
            Relu = activation == Activation.Relu ? 1 : 0,
            HasResidual = residual is null ? 0 : 1,
            Eps = shape.Eps,
            Momentum = shape.Momentum,
        };
        if (shape.Training)
        {
            Launch(BatchNormKernels.MomentsKernel, BatchNormNaiveKernels.MomentsKernel, (long)blocks * shape.C, args);
        }
        backend.Launch(BatchNormKernels.FinishKernel, ByChannel(shape), args);
        backend.Launch(BatchNormKernels.ApplyKernel, ByPlane(shape), args);
    }

    private protected override void BackwardCore(BatchNormShape shape, Activation activation, Slice x, Slice y, Slice gamma,
        Slice mean, Slice invStd, Slice dy, Slice dx, Slice dgamma, Slice dbeta)
    {
        int count = shape.N * shape.Pixels, blocks = (count + BatchNormKernels.Block - 1) / BatchNormKernels.Block;
        using var workspace = backend.Allocate(2L * (blocks + 1) * shape.C);
        var args = new BatchNormGradientArgs
        {
            X = GpuBackend.View(x),
            Y = GpuBackend.View(y),
            Gamma = GpuBackend.View(gamma),
            Mean = GpuBackend.View(mean),
            InvStd = GpuBackend.View(invStd),
            Dy = GpuBackend.View(dy),
            Dx = GpuBackend.View(dx),
            Dgamma = GpuBackend.View(dgamma),
            Dbeta = GpuBackend.View(dbeta),
            Partial = GpuBackend.View(workspace.All.Part(0, 2L * blocks * shape.C)),
            Means = GpuBackend.View(workspace.All.Part(2L * blocks * shape.C, 2L * shape.C)),
            C = shape.C,
            Pixels = shape.Pixels,
            Count = count,
            Blocks = blocks,
            Training = shape.Training ? 1 : 0,
            Relu = activation == Activation.Relu ? 1 : 0,
        };
        Launch(BatchNormKernels.GradientSumsKernel, BatchNormNaiveKernels.GradientSumsKernel, (long)blocks * shape.C, args);
        backend.Launch(BatchNormKernels.FinishGradientKernel, ByChannel(shape), args);
        backend.Launch(BatchNormKernels.ApplyGradientKernel, ByPlane(shape), args);
    }

    /// <summary>A group for each block of a channel, or a thread.</summary>
    private void Launch<T>(GpuKernel<T> kernel, GpuKernel<T> naive, long blocks, T args) where T : struct
    {
        if (Version == GpuVersion.Naive)
        {
            backend.Launch(naive, BatchNormNaiveKernels.Groups(blocks), args);
            return;
        }
        backend.Launch(kernel, blocks, args);
    }

    private static long ByChannel(BatchNormShape shape) =>
        ((long)shape.C + BatchNormKernels.GroupSize - 1) / BatchNormKernels.GroupSize;

    private static long ByPlane(BatchNormShape shape) => (long)shape.N * shape.C
        * ((shape.Pixels + BatchNormKernels.MapBlock - 1) / BatchNormKernels.MapBlock);
}
