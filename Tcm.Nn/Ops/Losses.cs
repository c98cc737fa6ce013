using Tcm.Kernels;
using Tcm.Kernels.Losses;
using Tcm.Nn.Autograd;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>
    /// Balanced cross-entropy with hard negatives (heads.md section 2.5) over maps of one length: a scalar. Targets above 0
    /// are positive; the mask is 1 where a value counts.
    /// </summary>
    public static Tensor BalancedCrossEntropy(Tensor prediction, Tensor target, Tensor mask, bool logits = false,
        float negativeRatio = 3, float weight = 1, int broadcastImages = 0, int negativesWithoutPositives = 0) =>
        Loss("BalancedCrossEntropy", prediction, target, mask, (loss, gradient) => prediction.Backend.Losses.BalancedCrossEntropy(
            logits, negativeRatio, weight, prediction.Data, target.Data, mask.Data, loss.Data, gradient.Data, broadcastImages,
            negativesWithoutPositives));

    /// <summary>weight * (1 - 2 sum(p t m) / (sum(p m) + sum(t m) + 1e-6)): a scalar.</summary>
    public static Tensor DiceLoss(Tensor prediction, Tensor target, Tensor mask, float weight = 1) =>
        Loss("DiceLoss", prediction, target, mask, (loss, gradient) => prediction.Backend.Losses.Dice(weight, prediction.Data,
            target.Data, mask.Data, loss.Data, gradient.Data));

    /// <summary>weight * sum(|p - t| m) / (sum(m) + 1e-6): a scalar.</summary>
    public static Tensor MaskedL1Loss(Tensor prediction, Tensor target, Tensor mask, float weight = 1) =>
        Loss("MaskedL1Loss", prediction, target, mask, (loss, gradient) => prediction.Backend.Losses.MaskedL1(weight,
            prediction.Data, target.Data, mask.Data, loss.Data, gradient.Data));

    /// <summary>Sum of w e(z, t) with the cross-entropy e of logits; targets above 0 are positive, <paramref name="weights"/> of
    /// any size: a scalar.</summary>
    public static Tensor WeightedCrossEntropy(Tensor logits, Tensor target, Tensor weights) =>
        Loss("WeightedCrossEntropy", logits, target, weights, (loss, gradient) => logits.Backend.Losses.WeightedCrossEntropy(1,
            logits.Data, target.Data, weights.Data, loss.Data, gradient.Data));

    /// <summary>Sum of w s(p - t), s(d) = d^2 / 2 where |d| is below 1, else |d| - 1/2: a scalar.</summary>
    public static Tensor WeightedSmoothL1Loss(Tensor prediction, Tensor target, Tensor weights) =>
        Loss("WeightedSmoothL1Loss", prediction, target, weights, (loss, gradient) => prediction.Backend.Losses.WeightedSmoothL1(1,
            prediction.Data, target.Data, weights.Data, loss.Data, gradient.Data));

    /// <summary>
    /// PAN's dice loss (heads.md section 3.5) between logits (B, ...) and targets that are positive above 0, over the pixels whose
    /// mask is above 0, averaged over the images: a scalar.
    /// </summary>
    public static Tensor SquaredDiceLoss(Tensor logits, Tensor target, Tensor mask, float weight = 1) =>
        Loss("SquaredDiceLoss", logits, target, mask, (loss, gradient) => logits.Backend.Losses.SquaredDice(logits.Shape[0], weight,
            logits.Data, target.Data, mask.Data, loss.Data, gradient.Data));

    /// <summary>
    /// PAN's aggregation loss (heads.md section 3.5): embeddings (B,4,h,w) are drawn to the mean of their instance's kernel.
    /// <paramref name="regions"/> and <paramref name="kernels"/> (B,1,h,w) hold numbers of instances from 1 to
    /// <paramref name="instances"/>, or 0. A scalar.
    /// </summary>
    public static Tensor AggregationLoss(Tensor embeddings, Tensor regions, Tensor kernels, int instances, float weight = 1)
    {
        var shape = InstanceShape("AggregationLoss", embeddings, regions, kernels, instances);
        return Loss("AggregationLoss", embeddings, (loss, gradient) => embeddings.Backend.Losses.Aggregation(shape, weight,
            embeddings.Data, regions.Data, kernels.Data, loss.Data, gradient.Data));
    }

    /// <summary>PAN's discrimination loss (heads.md section 3.5): the means of different instances' kernels are kept apart; operands
    /// as in <see cref="AggregationLoss"/>. A scalar.</summary>
    public static Tensor DiscriminationLoss(Tensor embeddings, Tensor regions, Tensor kernels, int instances, float weight = 1)
    {
        var shape = InstanceShape("DiscriminationLoss", embeddings, regions, kernels, instances);
        return Loss("DiscriminationLoss", embeddings, (loss, gradient) => embeddings.Backend.Losses.Discrimination(shape, weight,
            embeddings.Data, regions.Data, kernels.Data, loss.Data, gradient.Data));
    }

    private static InstanceMaps InstanceShape(string op, Tensor embeddings, Tensor regions, Tensor kernels, int instances)
    {
        var s = embeddings.Shape;
        if (s.Rank != 4 || s[1] != InstanceMaps.Channels || regions.Length != s[0] * s[2] * s[3] || kernels.Length != regions.Length)
        {
            throw new ShapeException($"{op}: embeddings {s}, regions {regions.Shape}, kernels {kernels.Shape}");
        }
        return new(s[0], s[2] * s[3], instances);
    }

    /// <summary>The kernels give value and gradient at once; the tape keeps the gradient.</summary>
    private static Tensor Loss(string op, Tensor prediction, Tensor target, Tensor mask, Action<Tensor, Tensor> compute)
    {
        if (target.Length != prediction.Length || mask.Length != prediction.Length)
        {
            throw new ShapeException($"{op}: prediction {prediction.Shape}, target {target.Shape}, mask {mask.Shape}");
        }
        return Loss(op, prediction, compute);
    }

    private static Tensor Loss(string op, Tensor prediction, Action<Tensor, Tensor> compute)
    {
        var loss = new Tensor(prediction.Backend, []);
        using var gradient = new Tensor(prediction.Backend, prediction.Shape);
        compute(loss, gradient);
        if (Tape.Of(prediction) is { } tape)
        {
            var saved = tape.Save(gradient);
            tape.Add(op, loss, [prediction], dy => [Multiply(saved, dy)]);
        }
        return loss;
    }
}
