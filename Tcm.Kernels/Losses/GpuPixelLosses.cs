using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Losses;

/// <summary>Losses on a GPU; nothing but the caller's own reading of the loss waits for the device.</summary>
internal sealed partial class GpuPixelLosses(GpuBackend backend) : PixelLosses
{
    private protected override void BalancedCrossEntropyCore(bool logits, NegativeQuota quota, float weight, int images,
        Slice prediction, Slice target, Slice mask, Slice loss, Slice gradient)
    {
        if (logits)
        {
            Balanced(BalancedEntropyKernels.Logits, quota, weight, images, prediction, target, mask, loss, gradient);
        }
        else
        {
            Balanced(BalancedEntropyKernels.Probabilities, quota, weight, images, prediction, target, mask, loss,
                gradient);
        }
    }

    private void Balanced<T>(BalancedEntropyKernels.Family<T> kernels, NegativeQuota quota, float weight, int images,
        Slice prediction, Slice target, Slice mask, Slice loss, Slice gradient) where T : struct, IGpuEntropy
    {
        int plane = checked((int)(prediction.Length / images));
        int perMap = (plane + BalancedEntropyKernels.Block - 1) / BalancedEntropyKernels.Block;
        Check.That((long)prediction.Length * images <= int.MaxValue,
            $"BalancedCrossEntropy: {images} images of {plane} values exceed the 2^31-1 of one operation");
        int blocks = perMap * images * images, maps = perMap * images;
        using var workspace = backend.Allocate(BalancedEntropyKernels.Ints + blocks + maps);
        backend.Fill(workspace.All, 0);
        var (factor, shift) = Fraction(quota.Ratio);
        var args = new EntropyArgs
        {
            X = GpuBackend.View(prediction),
            T = GpuBackend.View(target),
            M = GpuBackend.View(mask),
            G = GpuBackend.View(gradient),
            Loss = GpuBackend.View(loss),
            State = GpuBackend.View(workspace.All.Part(0, BalancedEntropyKernels.Ints)).Cast<int>(),
            Ties = GpuBackend.View(workspace.All.Part(BalancedEntropyKernels.Ints, blocks)).Cast<int>(),
            Sums = GpuBackend.View(workspace.All.Part(BalancedEntropyKernels.Ints + blocks, maps)),
            RatioFactor = factor,
            RatioShift = shift,
            WithoutPositives = quota.WithoutPositives,
            Plane = plane,
            Images = images,
            Blocks = blocks,
            Weight = weight,
        };
        for (int digit = 0; digit < BalancedEntropyKernels.Digits; digit++)
        {
            args.Digit = digit;
            backend.Launch(kernels.Count, blocks, args);
            backend.Launch(BalancedEntropyKernels.PickKernel, 1, args);
        }
        backend.Launch(kernels.CountTies, blocks, args);
        backend.Launch(BalancedEntropyKernels.ShareTiesKernel, 1, args);
        backend.Launch(kernels.Slope, maps, args);
        backend.Launch(BalancedEntropyKernels.FinishKernel, 1, args);
    }

    private protected override void DiceCore(float weight, Slice prediction, Slice target, Slice mask, Slice loss,
        Slice gradient) => Run(MapLossKernels.Dice, weight, prediction, target, mask, loss, gradient);

    private protected override void MaskedL1Core(float weight, Slice prediction, Slice target, Slice mask, Slice loss,
        Slice gradient) => Run(MapLossKernels.MaskedL1, weight, prediction, target, mask, loss, gradient);

    private protected override void WeightedCrossEntropyCore(float weight, Slice logits, Slice target, Slice mask, Slice loss,
        Slice gradient) => Run(MapLossKernels.WeightedEntropy, weight, logits, target, mask, loss, gradient);

    private protected override void WeightedSmoothL1Core(float weight, Slice prediction, Slice target, Slice mask, Slice loss,
        Slice gradient) => Run(MapLossKernels.WeightedSmoothL1, weight, prediction, target, mask, loss, gradient);

    private void Run<T>(MapLossKernels.Family<T> kernels, float weight, Slice prediction, Slice target, Slice mask, Slice loss,
        Slice gradient) where T : struct, IGpuMapLoss
    {
        var p = GpuBackend.View(prediction);
        int length = (int)prediction.Length;
        int blocks = (int)((prediction.Length + MapLossKernels.Block - 1) / MapLossKernels.Block);
        using var workspace = backend.Allocate((blocks + 1) * MapLossKernels.Terms);
        var args = new MapLossArgs
        {
            P = p,
            T = GpuBackend.View(target),
            M = GpuBackend.View(mask),
            G = GpuBackend.View(gradient),
            Loss = GpuBackend.View(loss),
            Sums = GpuBackend.View(workspace.All),
            Length = length,
            Blocks = blocks,
            Weight = weight,
        };
        backend.Launch(kernels.Sums, blocks, args);
        backend.Launch(kernels.Finish, 1, args);
        backend.Launch(kernels.Slope, (prediction.Length + MapLossKernels.GroupSize - 1) / MapLossKernels.GroupSize, args);
    }

    /// <summary>A ratio as factor / 2^shift, exactly up to 2^30: devices need no double precision to find n.</summary>
    private static (long Factor, int Shift) Fraction(float ratio)
    {
        double capped = Math.Min(ratio, 1 << 30);
        int shift = capped > 0 ? Math.Clamp(23 - Math.ILogB(capped), 0, 62) : 0;
        return ((long)Math.ScaleB(capped, shift), shift);
    }
}
