using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Pooling;

internal sealed partial class GpuPooling(GpuBackend backend) : AveragePooling
{
    /// <summary>For the ladder benchmark and the tests.</summary>
    public GpuVersion Version { get; set; }

    private protected override void ForwardCore(int planes, int h, int w, int kernel, Slice x, Slice y)
    {
        bool two = Version == GpuVersion.Auto && kernel == 2 && w % 2 == 0 && x.Offset % 2 == 0;
        var k = two ? PoolingKernels.TwoKernel : PoolingKernels.NaiveKernel;
        long outputs = (long)planes * (h / kernel) * (w / kernel);
        backend.Launch(k, (outputs + k.GroupSize - 1) / k.GroupSize, new PoolArgs
        {
            X = GpuBackend.View(x),
            Y = GpuBackend.View(y),
            Outputs = (int)outputs,
            H = h,
            W = w,
            OutH = h / kernel,
            OutW = w / kernel,
            Kernel = kernel,
        });
    }
}
