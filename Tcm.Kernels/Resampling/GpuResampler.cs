using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Resampling;

internal sealed partial class GpuResampler(GpuBackend backend) : Resampler
{
    private const int SharedPlanes = 8;

    // Below this many results a thread for each fills the device better than reuse of coordinates saves.
    private const long LargeResult = 1 << 20;

    /// <summary>For the ladder benchmark and the tests.</summary>
    public GpuVersion Version { get; set; }

    private protected override void ResizeCore(ResizeMode mode, ResizeShape shape, Slice x, Slice y, bool accumulate)
    {
        var kernel = mode == ResizeMode.Nearest ? ResamplingKernels.NearestKernel : ResamplingKernels.BilinearKernel;
        int planes = shape.N * shape.C;
        long pixels = (long)shape.OutH * shape.OutW;
        int perThread = Version == GpuVersion.Auto && planes * pixels >= LargeResult ? SharedPlanes : 1;
        long groups = (pixels + kernel.GroupSize - 1) / kernel.GroupSize * ((planes + perThread - 1) / perThread);
        backend.Launch(kernel, groups, new ResizeArgs
        {
            X = GpuBackend.View(x),
            Y = GpuBackend.View(y),
            Planes = planes,
            PlanesPerThread = perThread,
            C = shape.C,
            InH = shape.InH,
            InW = shape.InW,
            OutH = shape.OutH,
            OutW = shape.OutW,
            ImageStride = shape.N == 1 ? 0 : checked((int)shape.OutputStride),
            Accumulate = accumulate ? 1 : 0,
            ScaleH = (float)shape.InH / shape.OutH,
            ScaleW = (float)shape.InW / shape.OutW,
        });
    }
}
