using Tcm.Detect.Models;
using Tcm.Kernels.Convolution;
using Tcm.Nn;
using Tcm.Nn.Layers;

namespace Tcm.Detect.Heads.Fce;

/// <summary>
/// TCM-FCE: a feature pyramid over strides 8, 16 and 32 and FCENet's head, whose two convolutions all levels share
/// (heads.md section 4.1).
/// </summary>
internal sealed class FceDetector : DetectionHead
{
    private readonly FeaturePyramid _neck;
    private readonly Conv2d _classes, _contours;

    public FceDetector(Weights weights, TcmConfig config)
    {
        int width = config.NeckWidth;
        _neck = new FeaturePyramid(weights / "neck", "fpn_convs", [config.HeadInput(1), config.HeadInput(2), config.HeadInput(3)],
            width, width);
        _classes = new Conv2d(weights / "bbox_head", "out_conv_cls", new Conv2dFilter(width, FceLevel.Classes, 3, 3, 1, 1));
        _contours = new Conv2d(weights / "bbox_head", "out_conv_reg", new Conv2dFilter(width, FourierContour.Parts, 3, 3, 1, 1));
    }

    /// <summary>
    /// (B, positions, 26): the pixels of the levels row by row, fine to coarse, with the values that <see cref="FceLevel"/>
    /// names.
    /// </summary>
    public override Tensor Forward(ReadOnlySpan<Tensor> stages, ForwardObserver? observer)
    {
        using var scope = TensorScope.Begin();
        observer?.BeginBlock("neck");
        var levels = _neck.Forward(stages[1..]);
        observer?.EndBlock();
        for (int i = 0; i < levels.Length; i++)
        {
            observer?.Stage($"neck{i}", levels[i]);
        }
        observer?.BeginBlock("head");
        Tensor? all = null;
        for (int i = 0; i < levels.Length; i++)
        {
            Tensor classes = _classes.Forward(levels[i]), contours = _contours.Forward(levels[i]);
            observer?.Stage($"cls{i}", classes);
            observer?.Stage($"reg{i}", contours);
            var pixels = Pixels(Functional.Concat(classes, contours));
            all = all is null ? pixels : Functional.Concat(all, pixels);
        }
        observer?.EndBlock();
        return scope.Keep(all!);
    }

    /// <summary>The levels, each (B,26,h,w).</summary>
    public override IReadOnlyList<Tensor> TrainingMaps(ReadOnlySpan<Tensor> stages) =>
        [.. _neck.Forward(stages[1..]).Select(l => Functional.Concat(_classes.Forward(l), _contours.Forward(l)))];

    /// <summary>(B,C,h,w) to (B,h*w,C).</summary>
    internal static Tensor Pixels(Tensor maps)
    {
        var s = maps.Shape;
        return Functional.Transpose(maps.Reshape([s[0], s[1], s[2] * s[3]]));
    }

    public override void Dispose()
    {
        _neck.Dispose();
        _classes.Dispose();
        _contours.Dispose();
    }
}
