using Tcm.Detect.Datasets;
using Tcm.Detect.Models;
using Tcm.Kernels.Resampling;
using Tcm.Nn;

namespace Tcm.Detect.Heads.Db;

/// <summary>
/// Training of TCM-DB: balanced cross-entropy of the probability map, dice of the binary map, L1 of the threshold map
/// (heads.md section 2.5) and the auxiliary loss of the score map (paper section 3.4, tcm-model.md section 10.1).
/// </summary>
internal sealed class DbObjective(TcmConfig config, TrainingOptions options) : TrainingObjective
{
    private const float ProbabilityWeight = 5, ThresholdWeight = 10, NegativeRatio = 3;

    /// <summary>Temperature of the matching where the score map is not scaled by a learned one.</summary>
    private const float Temperature = 0.07f;

    /// <inheritdoc/>
    public override IReadOnlyList<Shape> TargetShapes(int height, int width)
    {
        Shape map = [1, height, width];
        return [map, map, map, map];
    }

    /// <inheritdoc/>
    public override void DrawTargets(IReadOnlyList<TextAnnotation> texts, int height, int width,
        IReadOnlyList<Memory<float>> maps) =>
        DbTargets.Draw(texts, height, width, maps[0].Span, maps[1].Span, maps[2].Span, maps[3].Span);

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Losses(IReadOnlyList<Tensor> maps, Tensor? score, IReadOnlyList<Tensor> targets)
    {
        Tensor probability = maps[0], threshold = maps[1], binary = maps[2];
        Tensor shrink = targets[0], shrinkMask = targets[1], border = targets[2], borderMask = targets[3];
        var terms = new List<LossTerm>
        {
            new("bbox.loss_prob", Functional.BalancedCrossEntropy(probability, shrink, shrinkMask, negativeRatio: NegativeRatio,
                weight: ProbabilityWeight)),
            new("bbox.loss_db", Functional.DiceLoss(binary, shrink, shrinkMask)),
            new("bbox.loss_thr", Functional.MaskedL1Loss(threshold, border, borderMask, ThresholdWeight)),
        };
        if (score is not null && options.AuxiliaryLoss)
        {
            var logits = config.ScaledScoreMap ? score : Functional.Affine(score, 1 / Temperature);
            var size = probability.Shape;
            var large = Functional.Interpolate(logits, size[2], size[3], ResizeMode.Bilinear);
            terms.Add(new("aux.loss_pix_cls", Functional.BalancedCrossEntropy(large, shrink, shrinkMask, logits: true,
                NegativeRatio, broadcastImages: options.ReferenceAuxiliaryLoss ? size[0] : 0)));
        }
        return terms;
    }
}
