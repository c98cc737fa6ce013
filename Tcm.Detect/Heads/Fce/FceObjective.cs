using Tcm.Detect.Datasets;
using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Nn;

namespace Tcm.Detect.Heads.Fce;

/// <summary>
/// Training of TCM-FCE: cross-entropy of text regions with hard negatives and of centre lines, smooth L1 between the points
/// of predicted and labelled contours (heads.md section 4.6), summed over the levels, and the auxiliary loss of the score map
/// (tcm-model.md section 10.2).
/// </summary>
internal sealed class FceObjective(TcmConfig config, TrainingOptions options) : TrainingObjective
{
    private const float NegativeRatio = 3, OutsideShare = 0.5f;
    private const int Points = 50;

    /// <summary>The reference divides by this number also where a batch has fewer negatives; here it is the mean of those.</summary>
    private const int NegativesWithoutText = 100;

    /// <summary>Temperature of the matching where the score map is not scaled by a learned one.</summary>
    private const float Temperature = 0.07f;

    private static readonly FourierContour Contour = new(Points);
    private static readonly float[] ToX = Contour.Matrix(vertical: false), ToY = Contour.Matrix(vertical: true);

    private readonly FceTargetOptions _targets = options.CurvedText ? FceTargetOptions.Curved : FceTargetOptions.Default;

    /// <summary>The levels (25,h,w), then the matching map (2,H/32,W/32).</summary>
    public override IReadOnlyList<Shape> TargetShapes(int height, int width) =>
    [
        .. FceLevel.Strides.Select(s => new Shape(FceTargets.Channels, height / s, width / s)),
        new(2, height / FceTargets.MatchingStride, width / FceTargets.MatchingStride),
    ];

    /// <inheritdoc/>
    public override void DrawTargets(IReadOnlyList<TextAnnotation> texts, int height, int width, IReadOnlyList<Memory<float>> maps)
    {
        for (int i = 0; i < FceLevel.Strides.Count; i++)
        {
            FceTargets.DrawLevel(texts, height, width, i, maps[i].Span, _targets);
        }
        FceTargets.DrawMatching(texts, height, width, maps[^1].Span);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Losses(IReadOnlyList<Tensor> maps, Tensor? score, IReadOnlyList<Tensor> targets)
    {
        var backend = maps[0].Backend;
        // Levels without text have a text loss alone; the others keep their place in the report.
        Tensor text = Zero(backend), center = Zero(backend), x = Zero(backend), y = Zero(backend);
        for (int i = 0; i < maps.Count; i++)
        {
            var level = targets[i];
            var inside = LevelPixels.Of(level);
            text = Functional.Add(text, Functional.BalancedCrossEntropy(Logit(maps[i], 0), Functional.Narrow(level, 0, 1),
                Functional.Narrow(level, 2, 1), logits: true, NegativeRatio, negativesWithoutPositives: NegativesWithoutText));
            if (inside.Count == 0)
            {
                continue;
            }
            var line = Functional.Narrow(level, 1, 1);
            center = Functional.Add(center, Functional.WeightedCrossEntropy(Logit(maps[i], 2), line,
                Tensor.From(backend, inside.CenterWeights(OutsideShare), line.Shape)));
            var weights = Tensor.From(backend, inside.ContourWeights(Points), [inside.Count, Points]);
            var labelled = Tensor.From(backend, inside.Contours, [inside.Count, FourierContour.Parts]);
            var predicted = inside.Select(Functional.Narrow(maps[i], FceLevel.Classes, FourierContour.Parts));
            x = Functional.Add(x, Distance(ToX));
            y = Functional.Add(y, Distance(ToY));

            Tensor Distance(float[] matrix)
            {
                var map = Tensor.From(backend, matrix, [Points, FourierContour.Parts]);
                return Functional.WeightedSmoothL1Loss(Functional.Linear(predicted, map), Functional.Linear(labelled, map), weights);
            }
        }
        var terms = new List<LossTerm>
        {
            new("bbox.loss_text", text), new("bbox.loss_center", center), new("bbox.loss_reg_x", x), new("bbox.loss_reg_y", y),
        };
        if (score is not null && options.AuxiliaryLoss)
        {
            var logits = config.ScaledScoreMap ? score : Functional.Affine(score, 1 / Temperature);
            terms.Add(new("aux.loss_pix_cls", Functional.BalancedCrossEntropy(logits, Functional.Narrow(targets[^1], 0, 1),
                Functional.Narrow(targets[^1], 1, 1), logits: true, NegativeRatio,
                broadcastImages: options.ReferenceAuxiliaryLoss ? score.Shape[0] : 0)));
        }
        return terms;
    }

    /// <summary>The logit of the second of two classes against the first: their softmax is its sigmoid.</summary>
    private static Tensor Logit(Tensor map, int channel) =>
        Functional.Subtract(Functional.Narrow(map, channel + 1, 1), Functional.Narrow(map, channel, 1));

    private static Tensor Zero(Backend backend) => Tensor.From(backend, [0], []);
}
