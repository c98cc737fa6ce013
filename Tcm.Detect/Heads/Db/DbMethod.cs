using Tcm.Detect.Models;
using Tcm.Detect.Preprocessing;
using Tcm.Nn;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Heads.Db;

/// <summary>TCM-DB: DBNet with FPNC neck (heads.md section 2).</summary>
internal sealed class DbMethod : DetectionMethod
{
    public override string Name => "db";

    public override string TensorPrefix => "bbox_head.binarize.";

    public override PostProcessingOptions PostProcessing { get; } = new DbPostProcessingOptions();

    public override TcmConfig Derive(Checkpoint file, TcmConfig config) => config with
    {
        NeckWidth = file.Dimension("neck.lateral_convs.0.conv.weight", 0, 4),
        HeadWidth = file.Dimension("neck.smooth_convs.0.conv.weight", 0, 4),
    };

    public override bool CanBuild(TcmConfig config) => config.HeadWidth > 0;

    public override void AddTensors(TensorTable table, TcmConfig config)
    {
        int inner = config.HeadWidth;
        for (int i = 0; i < 4; i++)
        {
            table.Add($"neck.lateral_convs.{i}.conv.weight", config.NeckWidth, config.HeadInput(i), 1, 1);
        }
        for (int i = 0; i < 4; i++)
        {
            table.Add($"neck.smooth_convs.{i}.conv.weight", inner, config.NeckWidth, 3, 3);
        }
        foreach (string branch in (string[])["bbox_head.binarize", "bbox_head.threshold"])
        {
            table.Add($"{branch}.0.weight", inner, 4 * inner, 3, 3);
            table.BatchNorm($"{branch}.1", inner);
            table.Add($"{branch}.3.weight", inner, inner, 2, 2);
            table.Add($"{branch}.3.bias", inner);
            table.BatchNorm($"{branch}.4", inner);
            table.Add($"{branch}.6.weight", inner, 1, 2, 2);
            table.Add($"{branch}.6.bias", 1);
        }
    }

    public override DetectionHead CreateHead(Weights weights, TcmConfig config) => new DbDetector(weights, config);

    public override RegionExtractor CreateExtractor(PostProcessingOptions options)
    {
        var processor = new DbPostProcessor((DbPostProcessingOptions)options);
        return (maps, size) => processor.Detect(maps, size.PaddedWidth, size.PaddedHeight, size.PaddedWidth, size.PaddedHeight,
            size.ScaleX, size.ScaleY);
    }

    public override MapReduction CreateReduction(PostProcessingOptions options) => new DbReduction((DbPostProcessingOptions)options);

    public override MapPlane TextProbability(ReadOnlyMemory<float> maps, NetworkSize size) => new(maps, size, 1);

    public override TrainingObjective CreateObjective(TcmConfig config, TrainingOptions options) =>
        new DbObjective(config, options);
}
