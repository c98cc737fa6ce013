using Tcm.Detect.Models;
using Tcm.Detect.Preprocessing;
using Tcm.Nn;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Heads.Pan;

/// <summary>TCM-PAN: Pixel Aggregation Network (Wang et al. 2019) with FPEM_FFM neck (heads.md section 3).</summary>
internal sealed class PanMethod : DetectionMethod
{
    public override string Name => "pan";

    public override string TensorPrefix => "bbox_head.out_conv.";

    public override PostProcessingOptions PostProcessing { get; } = new PanPostProcessingOptions();

    public override TcmConfig Derive(Checkpoint file, TcmConfig config) => config with
    {
        NeckWidth = file.Dimension("neck.reduce_conv_c2.0.weight", 0, 4),
        // PAN's pipelines use ImageNet's mean instead of CLIP's (training-and-eval.md section 1).
        Mean = [123.675, 116.28, 103.53],
    };

    public override bool CanBuild(TcmConfig config) => true;

    public override void AddTensors(TensorTable table, TcmConfig config)
    {
        PanNeck.AddTensors(table, config);
        table.Convolution("bbox_head.out_conv", PanMaps.Channels, PanNeck.Levels * config.NeckWidth, 1);
    }

    public override DetectionHead CreateHead(Weights weights, TcmConfig config) => new PanDetector(weights, config);

    public override RegionExtractor CreateExtractor(PostProcessingOptions options)
    {
        var processor = new PanPostProcessor((PanPostProcessingOptions)options);
        return (maps, size) => processor.Detect(maps, size.PaddedWidth, size.PaddedHeight, size.ScaleX, size.ScaleY);
    }

    public override MapPlane TextProbability(ReadOnlyMemory<float> maps, NetworkSize size)
    {
        var logits = maps.Span[..(maps.Length / PanMaps.Channels)];
        var values = new float[logits.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = 1 / (1 + MathF.Exp(-logits[i]));
        }
        return new MapPlane(values, size, PanMaps.Stride);
    }

    public override TrainingObjective CreateObjective(TcmConfig config, TrainingOptions options) => new PanObjective(config, options);
}
