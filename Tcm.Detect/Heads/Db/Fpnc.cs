using Tcm.Kernels.Convolution;
using Tcm.Kernels.Resampling;
using Tcm.Nn;
using Tcm.Nn.Layers;

namespace Tcm.Detect.Heads.Db;

/// <summary>DBNet's feature pyramid (heads.md section 2.1): laterals, top-down sums, smoothing, concatenation at stride 4.</summary>
internal sealed class Fpnc : IDisposable
{
    private const int Levels = 4;
    private readonly Conv2d[] _laterals = new Conv2d[Levels], _smooths = new Conv2d[Levels];

    /// <param name="weights">The neck's place in the checkpoint.</param>
    /// <param name="channels">Channels of the four levels, fine to coarse.</param>
    /// <param name="lateral">Channels of the pyramid.</param>
    /// <param name="output">Channels that each level gives to the result.</param>
    public Fpnc(Weights weights, ReadOnlySpan<int> channels, int lateral, int output)
    {
        for (int i = 0; i < Levels; i++)
        {
            _laterals[i] = new Conv2d(weights / "lateral_convs" / $"{i}", "conv", new Conv2dFilter(channels[i], lateral, 1, 1));
            _smooths[i] = new Conv2d(weights / "smooth_convs" / $"{i}", "conv",
                new Conv2dFilter(lateral, output, 3, 3, 1, 1));
        }
    }

    /// <summary>Four maps at strides 4, 8, 16, 32 to (B, 4*output, H/4, W/4).</summary>
    public Tensor Forward(ReadOnlySpan<Tensor> stages)
    {
        using var scope = TensorScope.Begin();
        var smooth = new Tensor[Levels];
        Tensor? above = null;
        for (int i = Levels - 1; i >= 0; i--)
        {
            var level = _laterals[i].Forward(stages[i]);
            if (above is not null)
            {
                var below = level;
                level = Functional.AddUpsampled(level, above, ResizeMode.Nearest);
                above.Dispose();
                if (!ReferenceEquals(level, below))
                {
                    below.Dispose();
                }
            }
            smooth[i] = _smooths[i].Forward(level);
            above = level;
        }
        above!.Dispose();
        var size = smooth[0].Shape;
        return scope.Keep(Functional.ConcatResized(smooth, size[2], size[3], ResizeMode.Nearest));
    }

    public void Dispose()
    {
        foreach (var conv in _laterals.Concat(_smooths))
        {
            conv.Dispose();
        }
    }
}
