using Tcm.Detect.Models;
using Tcm.Nn;

namespace Tcm.Detect.Heads.Db;

/// <summary>TCM-DB: FPNC, DBNet's head and its post-processing.</summary>
internal sealed class DbDetector : DetectionHead
{
    private readonly Fpnc _neck;
    private readonly DbHead _head;

    public DbDetector(Weights weights, TcmConfig config)
    {
        Span<int> channels = stackalloc int[4];
        for (int i = 0; i < 4; i++)
        {
            channels[i] = config.HeadInput(i);
        }
        _neck = new Fpnc(weights / "neck", channels, config.NeckWidth, config.HeadWidth);
        _head = new DbHead(weights / "bbox_head", 4 * config.HeadWidth, config.HeadWidth);
    }

    public override Tensor Forward(ReadOnlySpan<Tensor> stages, ForwardObserver? observer)
    {
        using var scope = TensorScope.Begin();
        observer?.BeginBlock("neck");
        var neck = _neck.Forward(stages);
        observer?.EndBlock();
        observer?.Stage("neck", neck);
        observer?.BeginBlock("head");
        var probability = _head.Probability(neck);
        observer?.EndBlock();
        observer?.Stage("P", probability);
        if (observer is { WantsStages: true })
        {
            var threshold = _head.Threshold(neck);
            observer.Stage("T", threshold);
            observer.Stage("B", DbHead.Binary(probability, threshold));
        }
        return scope.Keep(probability);
    }

    /// <summary>P, T and B, each (B,1,H,W).</summary>
    public override IReadOnlyList<Tensor> TrainingMaps(ReadOnlySpan<Tensor> stages)
    {
        var neck = _neck.Forward(stages);
        var probability = _head.Probability(neck);
        var threshold = _head.Threshold(neck);
        return [probability, threshold, DbHead.Binary(probability, threshold)];
    }

    public override void Dispose()
    {
        _neck.Dispose();
        _head.Dispose();
    }
}
