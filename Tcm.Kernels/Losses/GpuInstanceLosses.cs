using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Losses;

internal sealed partial class GpuPixelLosses
{
    private protected override void SquaredDiceCore(int images, float weight, Slice logits, Slice target, Slice mask, Slice loss,
        Slice gradient)
    {
        using var sums = backend.Allocate(images * SquaredDiceKernels.Terms);
        var args = new SquaredDiceArgs
        {
            Z = GpuBackend.View(logits),
            T = GpuBackend.View(target),
            M = GpuBackend.View(mask),
            G = GpuBackend.View(gradient),
            Loss = GpuBackend.View(loss),
            Sums = GpuBackend.View(sums.All),
            Images = images,
            Pixels = (int)(logits.Length / images),
            Weight = weight / images,
        };
        backend.Launch(SquaredDiceKernels.SumsKernel, images, args);
        backend.Launch(SquaredDiceKernels.FinishKernel, 1, args);
        backend.Launch(SquaredDiceKernels.SlopeKernel, Groups(logits.Length, SquaredDiceKernels.GroupSize), args);
    }

    private protected override void InstanceCore(bool attraction, InstanceMaps shape, float weight, Slice embeddings, Slice regions,
        Slice kernels, Slice loss, Slice gradient)
    {
        if (shape.Instances == 0)
        {
            backend.Fill(loss, 0);
            backend.Fill(gradient, 0);
            return;
        }
        int records = checked(shape.Images * shape.Instances);
        using var state = backend.Allocate((long)records * InstanceLossKernels.Record);
        var args = new InstanceLossArgs
        {
            E = GpuBackend.View(embeddings),
            Regions = GpuBackend.View(regions),
            Kernels = GpuBackend.View(kernels),
            G = GpuBackend.View(gradient),
            Loss = GpuBackend.View(loss),
            State = GpuBackend.View(state.All),
            Images = shape.Images,
            Pixels = shape.Pixels,
            Instances = shape.Instances,
            Attraction = attraction ? 1 : 0,
            Weight = weight / shape.Images,
        };
        backend.Launch(InstanceLossKernels.MeansKernel, records, args);
        if (attraction)
        {
            backend.Launch(InstanceLossKernels.AttractKernel, records, args);
        }
        else
        {
            backend.Launch(InstanceLossKernels.RepelKernel, Groups(records, InstanceLossKernels.GroupSize), args);
        }
        backend.Launch(InstanceLossKernels.FinishKernel, 1, args);
        backend.Launch(InstanceLossKernels.SlopeKernel, Groups((long)shape.Images * shape.Pixels, InstanceLossKernels.GroupSize), args);
    }

    private static long Groups(long threads, int size) => (threads + size - 1) / size;
}
