using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Resampling;

/// <summary>Launcher of <see cref="ResamplingGradientKernels"/>.</summary>
internal sealed partial class GpuResampler
{
    private protected override void ResizeBackwardCore(ResizeMode mode, ResizeShape shape, Slice dy, Slice dx)
    {
        int planes = shape.N * shape.C;
        bool four = Version == GpuVersion.Auto && planes >= ResamplingGradientKernels.Planes;
        var kernel = (mode, four) switch
        {
            (ResizeMode.Nearest, false) => ResamplingGradientKernels.NearestKernel,
            (ResizeMode.Nearest, true) => ResamplingGradientKernels.Nearest4Kernel,
            (_, false) => ResamplingGradientKernels.BilinearKernel,
            _ => ResamplingGradientKernels.Bilinear4Kernel,
        };
        int bundles = four ? (planes + ResamplingGradientKernels.Planes - 1) / ResamplingGradientKernels.Planes : planes;
        int threads = bundles * shape.InH * shape.InW;
        backend.Launch(kernel, ((long)threads + kernel.GroupSize - 1) / kernel.GroupSize, new ResizeGradientArgs
        {
            Dy = GpuBackend.View(dy),
            Dx = GpuBackend.View(dx),
            Threads = threads,
            Planes = planes,
            C = shape.C,
            InH = shape.InH,
            InW = shape.InW,
            OutH = shape.OutH,
            OutW = shape.OutW,
            ImageStride = shape.N == 1 ? 0 : checked((int)shape.OutputStride),
            ScaleH = (float)shape.InH / shape.OutH,
            ScaleW = (float)shape.InW / shape.OutW,
        });
    }
}
