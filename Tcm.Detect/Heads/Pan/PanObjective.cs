using Tcm.Detect.Datasets;
using Tcm.Detect.Models;
using Tcm.Kernels.Resampling;
using Tcm.Nn;

namespace Tcm.Detect.Heads.Pan;

/// <summary>
/// Training of TCM-PAN: dice of texts, over hard pixels, and of kernels, aggregation and discrimination of the embeddings
/// (heads.md section 3.5), and the auxiliary loss of the score map (tcm-model.md section 10.3). The reference can limit the
/// number of instances that it looks at; here all of them count.
/// </summary>
internal sealed class PanObjective(TcmConfig config, TrainingOptions options) : TrainingObjective
{
    private const float KernelWeight = 0.5f, EmbeddingWeight = 0.25f;

    /// <summary>Shrink ratios of the kernels: that of the ICDAR pipelines, and that of the CTW1500 pipeline.</summary>
    private const double ShrinkRatio = 0.5, CurvedShrinkRatio = 0.7;

    /// <summary>Temperature of the matching where the score map is not scaled by a learned one.</summary>
    private const float Temperature = 0.07f;

    /// <summary>Numbers of texts and of kernels (2,H,W), and the mask (1,H,W).</summary>
    public override IReadOnlyList<Shape> TargetShapes(int height, int width) => [new(2, height, width), new(1, height, width)];

    /// <inheritdoc/>
    public override void DrawTargets(IReadOnlyList<TextAnnotation> texts, int height, int width, IReadOnlyList<Memory<float>> maps)
    {
        int plane = height * width;
        PanTargets.Draw(texts, height, width, maps[0].Span[..plane], maps[0].Span[plane..], maps[1].Span,
            options.CurvedText ? CurvedShrinkRatio : ShrinkRatio);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Losses(IReadOnlyList<Tensor> maps, Tensor? score, IReadOnlyList<Tensor> targets)
    {
        var map = maps[0];
        int height = map.Shape[2], width = map.Shape[3];
        var labels = Functional.Interpolate(targets[0], height, width, ResizeMode.Nearest);
        var mask = Functional.Interpolate(targets[1], height, width, ResizeMode.Nearest);
        Tensor regions = Functional.Narrow(labels, 0, 1), kernels = Functional.Narrow(labels, 1, 1);
        var text = Functional.Narrow(map, PanMaps.Text, 1);
        var embeddings = Functional.Narrow(map, PanMaps.Embedding, PanMaps.EmbeddingWidth);
        int instances = (int)regions.ToArray().Max();
        var terms = new List<LossTerm>
        {
            new("bbox.loss_text", Functional.SquaredDiceLoss(text, regions, HardPixels.Mask(text, regions, mask))),
            // Kernels are looked for inside texts alone.
            new("bbox.loss_kernel", Functional.SquaredDiceLoss(Functional.Narrow(map, PanMaps.Kernel, 1), kernels,
                Functional.Multiply(regions, mask), KernelWeight)),
            new("bbox.loss_aggregation", Functional.AggregationLoss(embeddings, regions, kernels, instances, EmbeddingWeight)),
            new("bbox.loss_discrimination", Functional.DiscriminationLoss(embeddings, regions, kernels, instances, EmbeddingWeight)),
        };
        if (score is not null && options.AuxiliaryLoss)
        {
            var logits = config.ScaledScoreMap ? score : Functional.Affine(score, 1 / Temperature);
            var size = targets[1].Shape;
            var large = Functional.Interpolate(logits, size[2], size[3], ResizeMode.Bilinear);
            var target = Functional.Narrow(targets[0], 0, 1);
            terms.Add(new("aux.loss_pix_cls", Functional.SquaredDiceLoss(large, target, HardPixels.Mask(large, target, targets[1]))));
        }
        return terms;
    }
}
