using Tcm.Detect.Models;
using Tcm.Detect.Preprocessing;
using Tcm.Nn;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Heads.Fce;

/// <summary>TCM-FCE: FCENet (Zhu et al. 2021) with FPN neck (heads.md section 4).</summary>
internal sealed class FceMethod : DetectionMethod
{
    public override string Name => "fce";

    public override string TensorPrefix => "bbox_head.out_conv_cls.";

    public override PostProcessingOptions PostProcessing { get; } = new FcePostProcessingOptions();

    public override TcmConfig Derive(Checkpoint file, TcmConfig config) => config with
    {
        NeckWidth = file.Dimension("neck.lateral_convs.0.conv.weight", 0, 4),
        // FCENet's pipelines use ImageNet's mean instead of CLIP's (training-and-eval.md section 1).
        Mean = [123.675, 116.28, 103.53],
    };

    public override bool CanBuild(TcmConfig config) => true;

    public override void AddTensors(TensorTable table, TcmConfig config)
    {
        int levels = FceLevel.Strides.Count;
        for (int i = 0; i < levels; i++)
        {
            table.Convolution($"neck.lateral_convs.{i}.conv", config.NeckWidth, config.HeadInput(i + 1), 1);
        }
        for (int i = 0; i < levels; i++)
        {
            table.Convolution($"neck.fpn_convs.{i}.conv", config.NeckWidth, config.NeckWidth, 3);
        }
        table.Convolution("bbox_head.out_conv_cls", FceLevel.Classes, config.NeckWidth, 3);
        table.Convolution("bbox_head.out_conv_reg", FourierContour.Parts, config.NeckWidth, 3);
    }

    public override DetectionHead CreateHead(Weights weights, TcmConfig config) => new FceDetector(weights, config);

    public override RegionExtractor CreateExtractor(PostProcessingOptions options)
    {
        var processor = new FcePostProcessor((FcePostProcessingOptions)options);
        return (maps, size) => processor.Detect(maps, size.PaddedWidth, size.PaddedHeight, size.ScaleX, size.ScaleY);
    }

    public override MapPlane TextProbability(ReadOnlyMemory<float> maps, NetworkSize size)
    {
        int finest = FceLevel.Strides[0], width = size.PaddedWidth / finest, height = size.PaddedHeight / finest, offset = 0;
        var values = new float[width * height];
        foreach (int stride in FceLevel.Strides)
        {
            int times = stride / finest, columns = width / times;
            for (int i = 0; i < values.Length; i++)
            {
                int pixel = (i / width / times * columns) + (i % width / times);
                var logits = maps.Span.Slice(offset + (pixel * FceLevel.Values), FceLevel.Classes);
                values[i] = Math.Max(values[i], FcePostProcessor.Probability(logits[0], logits[1]));
            }
            offset += columns * (height / times) * FceLevel.Values;
        }
        return new MapPlane(values, size, finest);
    }

    public override TrainingObjective CreateObjective(TcmConfig config, TrainingOptions options) => new FceObjective(config, options);
}
