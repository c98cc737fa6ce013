using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Components;

internal sealed class GpuComponents(GpuBackend backend) : ConnectedComponents
{
    private protected override void LabelCore(int h, int w, float threshold, Slice map, Slice labels)
    {
        var view = GpuBackend.View(labels);
        Label(new ComponentArgs
        {
            Map = GpuBackend.View(map),
            Labels = view.Cast<int>(),
            // Not touched, but a view of nothing is no argument.
            Report = view.Cast<int>(),
            Values = view,
            H = h,
            W = w,
            Threshold = threshold,
        });
    }

    private protected override void ReportCore(ComponentLayout layout, float threshold, Slice map, Slice report)
    {
        using var labels = backend.Allocate((long)layout.Height * layout.Width);
        var view = GpuBackend.View(report);
        var args = new ComponentArgs
        {
            Map = GpuBackend.View(map),
            Labels = GpuBackend.View(labels.All).Cast<int>(),
            Report = view.Cast<int>(),
            Values = view,
            H = layout.Height,
            W = layout.Width,
            Threshold = threshold,
            HasReport = 1,
            MaxComponents = layout.MaxComponents,
            MaxValues = layout.MaxValues,
            WordsPerRow = layout.WordsPerRow,
            BitsAt = layout.BitsAt,
            ValuesAt = layout.ValuesAt,
        };
        int pixels = args.H * args.W;
        Label(args);
        Launch(ComponentKernels.NumberKernel, pixels, args);
        Launch(ComponentKernels.MeasureKernel, pixels, args);
        Launch(ComponentKernels.PlaceKernel, args.MaxComponents, args);
        backend.Launch(ComponentKernels.GatherKernel, args.MaxComponents, args);
        Launch(ComponentKernels.BitsKernel, args.WordsPerRow * args.H, args);
    }

    private void Label(ComponentArgs args)
    {
        int pixels = args.H * args.W;
        Launch(ComponentKernels.BeginKernel, pixels, args);
        Launch(ComponentKernels.JoinKernel, pixels, args);
        Launch(ComponentKernels.FlattenKernel, pixels, args);
    }

    private void Launch(GpuKernel<ComponentArgs> kernel, int threads, ComponentArgs args) =>
        backend.Launch(kernel, ((long)threads + kernel.GroupSize - 1) / kernel.GroupSize, args);
}
