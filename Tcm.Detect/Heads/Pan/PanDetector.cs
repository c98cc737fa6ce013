using Tcm.Detect.Models;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Resampling;
using Tcm.Nn;
using Tcm.Nn.Layers;

namespace Tcm.Detect.Heads.Pan;

/// <summary>TCM-PAN: FPEM_FFM and PAN's head, one convolution on all levels at stride 4 (heads.md section 3.2).</summary>
internal sealed class PanDetector(Weights weights, TcmConfig config) : DetectionHead
{
    private readonly PanNeck _neck = new(weights / "neck", config);
    private readonly Conv2d _head = new(weights / "bbox_head", "out_conv",
        new Conv2dFilter(PanNeck.Levels * config.NeckWidth, PanMaps.Channels, 1, 1));

    /// <summary>(B, 6, H/4, W/4), the channels that <see cref="PanMaps"/> names.</summary>
    public override Tensor Forward(ReadOnlySpan<Tensor> stages, ForwardObserver? observer)
    {
        using var scope = TensorScope.Begin();
        observer?.BeginBlock("neck");
        var levels = _neck.Forward(stages);
        observer?.EndBlock();
        if (observer is { WantsStages: true })
        {
            for (int i = 0; i < levels.Length; i++)
            {
                observer.Stage($"neck{i}", AtFinest([levels[i]], levels[0]));
            }
        }
        observer?.BeginBlock("head");
        var maps = _head.Forward(AtFinest(levels, levels[0]));
        observer?.EndBlock();
        observer?.Stage("out", maps);
        return scope.Keep(maps);
    }

    /// <summary>The head's result alone.</summary>
    public override IReadOnlyList<Tensor> TrainingMaps(ReadOnlySpan<Tensor> stages)
    {
        var levels = _neck.Forward(stages);
        return [_head.Forward(AtFinest(levels, levels[0]))];
    }

    private static Tensor AtFinest(ReadOnlySpan<Tensor> levels, Tensor finest) =>
        Functional.ConcatResized(levels, finest.Shape[2], finest.Shape[3], ResizeMode.Bilinear);

    public override void Dispose()
    {
        _neck.Dispose();
        _head.Dispose();
    }
}
