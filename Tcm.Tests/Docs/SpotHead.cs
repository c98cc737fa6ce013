using System.Numerics;
using Tcm.Detect;
using Tcm.Detect.Datasets;
using Tcm.Detect.Geometry;
using Tcm.Detect.Heads;
using Tcm.Detect.Models;
using Tcm.Detect.Preprocessing;
using Tcm.Kernels.Convolution;
using Tcm.Nn;
using Tcm.Nn.Checkpoints;
using Tcm.Nn.Layers;

namespace Tcm.Tests.Docs;

/// <summary>The head of docs/adding.md: text or not, at every place of x3. As small as a head can be that learns.</summary>
internal sealed class SpotMethod : DetectionMethod
{
    public override string Name => "spots";

    public override string TensorPrefix => "bbox_head.spots.";

    public override PostProcessingOptions PostProcessing { get; } = new SpotOptions();

    public override TcmConfig Derive(Checkpoint file, TcmConfig config) => config;

    public override bool CanBuild(TcmConfig config) => true;

    public override void AddTensors(TensorTable table, TcmConfig config) =>
        table.Convolution("bbox_head.spots", 1, config.HeadInput(3), 1);

    public override DetectionHead CreateHead(Weights weights, TcmConfig config) => new SpotDetector(weights, config);

    public override RegionExtractor CreateExtractor(PostProcessingOptions options)
    {
        float threshold = ((SpotOptions)options).Threshold;
        return (maps, size) => SpotPostProcessor.Detect(maps, size, threshold);
    }

    public override MapPlane TextProbability(ReadOnlyMemory<float> maps, NetworkSize size) =>
        new(maps.ToArray().Select(logit => 1 / (1 + MathF.Exp(-logit))).ToArray(), size, 32);

    public override TrainingObjective CreateObjective(TcmConfig config, TrainingOptions options) => new SpotObjective();
}

/// <summary>One convolution: logits (B,1,H/32,W/32).</summary>
internal sealed class SpotDetector(Weights weights, TcmConfig config) : DetectionHead
{
    private readonly Conv2d _spots = new(weights / "bbox_head", "spots", new Conv2dFilter(config.HeadInput(3), 1, 1, 1));

    public override Tensor Forward(ReadOnlySpan<Tensor> stages, ForwardObserver? observer) => _spots.Forward(stages[3]);

    public override IReadOnlyList<Tensor> TrainingMaps(ReadOnlySpan<Tensor> stages) => [_spots.Forward(stages[3])];

    public override void Dispose() => _spots.Dispose();
}

/// <summary>Settings of its post-processing.</summary>
public sealed record SpotOptions : PostProcessingOptions
{
    /// <summary>A place is text above this probability.</summary>
    public float Threshold { get; init; } = 0.5f;

    /// <inheritdoc/>
    public override IReadOnlyList<PostProcessingSetting> Settings => Named;

    private static readonly PostProcessingSetting[] Named =
    [
        new("threshold", "A place is text above this probability.", 0.5, 0, 1, (o, v) => (SpotOptions)o with { Threshold = (float)v }),
    ];

    /// <inheritdoc/>
    internal override void Validate() =>
        Require(Threshold is >= 0 and <= 1, nameof(Threshold), Threshold, "must be between 0 and 1");
}

/// <summary>Places of text that touch become one upright rectangle.</summary>
internal static class SpotPostProcessor
{
    public static IReadOnlyList<TextRegion> Detect(ReadOnlySpan<float> logits, NetworkSize size, float threshold)
    {
        int width = size.PaddedWidth / 32, height = size.PaddedHeight / 32;
        var probability = new float[logits.Length];
        for (int i = 0; i < logits.Length; i++)
        {
            float p = 1 / (1 + MathF.Exp(-logits[i]));
            probability[i] = p > threshold ? p : 0;                  // 0: no text, or already part of a region
        }
        var regions = new List<TextRegion>();
        var open = new Stack<int>();
        for (int first = 0; first < probability.Length; first++)
        {
            int left = width, top = height, right = -1, bottom = -1, count = 0;
            float sum = 0;
            for (open.Push(first); open.TryPop(out int at);)
            {
                if (probability[at] == 0)
                {
                    continue;
                }
                (sum, probability[at], count) = (sum + probability[at], 0, count + 1);
                int x = at % width, y = at / width;
                (left, right, top, bottom) = (Math.Min(left, x), Math.Max(right, x), Math.Min(top, y), Math.Max(bottom, y));
                if (x > 0) { open.Push(at - 1); }
                if (x < width - 1) { open.Push(at + 1); }
                if (y > 0) { open.Push(at - width); }
                if (y < height - 1) { open.Push(at + width); }
            }
            if (count > 0)
            {
                Vector2[] quad = [Corner(left, top), Corner(right + 1, top), Corner(right + 1, bottom + 1), Corner(left, bottom + 1)];
                regions.Add(new TextRegion(quad, quad, sum / count));
            }
        }
        return regions;

        // Edges of places to the source picture, where the first pixel's centre is 0.
        Vector2 Corner(int x, int y) => new((float)(32 * x / size.ScaleX) - 0.5f, (float)(32 * y / size.ScaleY) - 0.5f);
    }
}

/// <summary>Targets: 1 at places that a text touches, and a mask that is 0 under ignored texts. Loss: balanced cross-entropy.</summary>
internal sealed class SpotObjective : TrainingObjective
{
    public override IReadOnlyList<Shape> TargetShapes(int height, int width) => [new(1, height / 32, width / 32), new(1, height / 32, width / 32)];

    public override void DrawTargets(IReadOnlyList<TextAnnotation> texts, int height, int width, IReadOnlyList<Memory<float>> maps)
    {
        Span<float> text = maps[0].Span, mask = maps[1].Span;
        text.Clear();
        mask.Fill(1);
        var fill = new PolygonFill();
        foreach (var annotation in texts)
        {
            PixelPoint[] places = [.. annotation.Polygon.Select(p => new PixelPoint((int)(p.X / 32), (int)(p.Y / 32)))];
            fill.Fill(places, annotation.Ignored ? mask : text, width / 32, height / 32, annotation.Ignored ? 0f : 1f);
        }
    }

    public override IReadOnlyList<LossTerm> Losses(IReadOnlyList<Tensor> maps, Tensor? score, IReadOnlyList<Tensor> targets) =>
        [new("bbox.loss_spots", Functional.BalancedCrossEntropy(maps[0], targets[0], targets[1], logits: true))];
}
