using Tcm.Kernels.Resampling;
using Tcm.Nn;

namespace Tcm.Detect.Heads.Db;

/// <summary>DBNet's neck (heads.md section 2.1): a feature pyramid whose levels are concatenated at stride 4.</summary>
/// <param name="weights">The neck's place in the checkpoint.</param>
/// <param name="channels">Channels of the four levels, fine to coarse.</param>
/// <param name="lateral">Channels of the pyramid.</param>
/// <param name="output">Channels that each level gives to the result.</param>
internal sealed class Fpnc(Weights weights, ReadOnlySpan<int> channels, int lateral, int output) : IDisposable
{
    private readonly FeaturePyramid _pyramid = new(weights, "smooth_convs", channels, lateral, output);

    /// <summary>Four maps at strides 4, 8, 16, 32 to (B, 4*output, H/4, W/4).</summary>
    public Tensor Forward(ReadOnlySpan<Tensor> stages)
    {
        using var scope = TensorScope.Begin();
        var levels = _pyramid.Forward(stages);
        var size = levels[0].Shape;
        return scope.Keep(Functional.ConcatResized(levels, size[2], size[3], ResizeMode.Nearest));
    }

    public void Dispose() => _pyramid.Dispose();
}
