using Tcm.Kernels;
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

    /// <summary>The kernels give value and gradient at once; the tape keeps the gradient.</summary>
    private static Tensor Loss(string op, Tensor prediction, Tensor target, Tensor mask, Action<Tensor, Tensor> compute)
    {
        if (target.Length != prediction.Length || mask.Length != prediction.Length)
        {
            throw new ShapeException($"{op}: prediction {prediction.Shape}, target {target.Shape}, mask {mask.Shape}");
        }
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
