namespace Tcm.Kernels.Losses;

/// <summary>
/// Losses over maps, each computed together with its gradient. All sums run over the whole batch (heads.md section 2.5).
/// Maps are dense and equally long: prediction, target (0 or 1 unless said), mask (0 or 1). The loss is one float on the
/// device; the gradient is of the same length as the prediction, overwritten, and already contains the loss's weight. Thread-safe
/// as far as its backend is.
/// </summary>
public abstract partial class PixelLosses
{
    // Only Tcm derives from it, so that members can be added.
    private protected PixelLosses() { }

    /// <summary>
    /// Balanced binary cross-entropy: the mean over all positives and the <paramref name="negativeRatio"/> times as many
    /// hardest negatives: (sum over positives + sum of the n largest over negatives) / (positives + n + 1e-6) with n =
    /// min(negatives, int(ratio * positives)). Among equally hard negatives those of lower index count, so that it is exactly
    /// n of them. Of probabilities logarithms are clamped at -100, and the gradient is (p - t) / max(p (1 - p), 1e-12), both
    /// as in PyTorch. Without positives loss and gradient are 0, unless <paramref name="negativesWithoutPositives"/> says otherwise.
    /// </summary>
    /// <param name="logits">Whether predictions are logits instead of probabilities.</param>
    /// <param name="negativeRatio">Negatives for each positive.</param>
    /// <param name="weight">Factor of loss and gradient.</param>
    /// <param name="prediction">Probabilities, or logits.</param>
    /// <param name="target">Positive where above 0.</param>
    /// <param name="mask">Counts where above 0.</param>
    /// <param name="loss">One float, overwritten.</param>
    /// <param name="gradient">As prediction, overwritten.</param>
    /// <param name="broadcastImages">0, or the number of images N for the reference's broadcast form of its auxiliary loss:
    /// every image's losses count under the positives and negatives of each image, while positives and n are not multiplied
    /// (tcm-model.md section 10.1).</param>
    /// <param name="negativesWithoutPositives">How many of the hardest negatives count when there is no positive (FCENet: 100,
    /// heads.md section 4.6).</param>
    public void BalancedCrossEntropy(bool logits, float negativeRatio, float weight, Slice prediction, Slice target, Slice mask,
        Slice loss, Slice gradient, int broadcastImages = 0, int negativesWithoutPositives = 0)
    {
        const string op = "BalancedCrossEntropy";
        Validate(op, prediction, target, mask, loss, gradient);
        int images = Math.Max(1, broadcastImages);
        Check.That(broadcastImages >= 0 && prediction.Length % images == 0,
            $"{op}: {prediction.Length} values in {broadcastImages} images");
        Check.That(negativeRatio >= 0, $"{op}: {negativeRatio} negatives for each positive");
        Check.That(negativesWithoutPositives >= 0, $"{op}: {negativesWithoutPositives} negatives without a positive");
        BalancedCrossEntropyCore(logits, new(negativeRatio, negativesWithoutPositives), weight, images, prediction, target, mask,
            loss, gradient);
    }

    /// <summary>weight * (1 - 2 sum(p t m) / (sum(p m) + sum(t m) + 1e-6)); targets above 0 count as 1.</summary>
    public void Dice(float weight, Slice prediction, Slice target, Slice mask, Slice loss, Slice gradient)
    {
        Validate("Dice", prediction, target, mask, loss, gradient);
        DiceCore(weight, prediction, target, mask, loss, gradient);
    }

    /// <summary>weight * sum(|p - t| m) / (sum(m) + 1e-6) for real-valued targets.</summary>
    public void MaskedL1(float weight, Slice prediction, Slice target, Slice mask, Slice loss, Slice gradient)
    {
        Validate("MaskedL1", prediction, target, mask, loss, gradient);
        MaskedL1Core(weight, prediction, target, mask, loss, gradient);
    }

    /// <summary>weight * sum(m e(z, t)) with the cross-entropy e of logits; the mask holds weights of any size, targets above 0
    /// are positive. With weights 1 / count it is the mean.</summary>
    public void WeightedCrossEntropy(float weight, Slice logits, Slice target, Slice mask, Slice loss, Slice gradient)
    {
        Validate("WeightedCrossEntropy", logits, target, mask, loss, gradient);
        WeightedCrossEntropyCore(weight, logits, target, mask, loss, gradient);
    }

    /// <summary>weight * sum(m s(p - t)) with s(d) = d^2 / 2 where |d| is below 1, else |d| - 1/2; the mask holds weights of any
    /// size.</summary>
    public void WeightedSmoothL1(float weight, Slice prediction, Slice target, Slice mask, Slice loss, Slice gradient)
    {
        Validate("WeightedSmoothL1", prediction, target, mask, loss, gradient);
        WeightedSmoothL1Core(weight, prediction, target, mask, loss, gradient);
    }

    private static void Validate(string op, Slice prediction, Slice target, Slice mask, Slice loss, Slice gradient)
    {
        Check.Positive(op, "length", prediction.Length);
        Check.Length(op, "target", target, prediction.Length);
        Check.Length(op, "mask", mask, prediction.Length);
        Check.Length(op, "gradient", gradient, prediction.Length);
        Check.Length(op, "loss", loss, 1);
    }

    /// <summary>Pairs (map i, masks j) of <paramref name="images"/> images are counted; 1 is the plain loss of the batch.</summary>
    private protected abstract void BalancedCrossEntropyCore(bool logits, NegativeQuota quota, float weight, int images,
        Slice prediction, Slice target, Slice mask, Slice loss, Slice gradient);

    private protected abstract void DiceCore(float weight, Slice prediction, Slice target, Slice mask, Slice loss, Slice gradient);

    private protected abstract void MaskedL1Core(float weight, Slice prediction, Slice target, Slice mask, Slice loss, Slice gradient);

    private protected abstract void WeightedCrossEntropyCore(float weight, Slice logits, Slice target, Slice mask, Slice loss,
        Slice gradient);

    private protected abstract void WeightedSmoothL1Core(float weight, Slice prediction, Slice target, Slice mask, Slice loss,
        Slice gradient);
}

/// <summary>How many of the hardest negatives count.</summary>
/// <param name="Ratio">For each positive.</param>
/// <param name="WithoutPositives">Where there is no positive.</param>
internal readonly record struct NegativeQuota(float Ratio, int WithoutPositives)
{
    /// <summary>The n of a batch.</summary>
    public long Of(long positives, long negatives) =>
        (long)Math.Min(negatives, positives > 0 ? Math.Floor((double)Ratio * positives) : WithoutPositives);
}
