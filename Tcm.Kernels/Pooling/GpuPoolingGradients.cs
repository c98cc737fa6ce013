using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Pooling;

/// <summary>Launcher of <see cref="PoolingGradientKernels"/>.</summary>
internal sealed partial class GpuPooling
{
    private protected override void BackwardCore(int planes, int h, int w, int kernel, Slice dy, Slice dx)
    {
        bool two = Version == GpuVersion.Auto && kernel == 2 && w % 2 == 0 && dx.Offset % 2 == 0;
        var k = two ? PoolingGradientKernels.TwoKernel : PoolingGradientKernels.NaiveKernel;
        int threads = planes * h * (two ? w / 2 : w);
        backend.Launch(k, ((long)threads + k.GroupSize - 1) / k.GroupSize, new PoolGradientArgs
        {
            Dy = GpuBackend.View(dy),
            Dx = GpuBackend.View(dx),
            Threads = threads,
            H = h,
            W = w,
            OutH = h / kernel,
            OutW = w / kernel,
            Kernel = kernel,
        });
    }
}
