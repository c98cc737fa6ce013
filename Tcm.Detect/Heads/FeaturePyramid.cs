using Tcm.Kernels.Convolution;
using Tcm.Kernels.Resampling;
using Tcm.Nn;
using Tcm.Nn.Layers;

namespace Tcm.Detect.Heads;

/// <summary>
/// A feature pyramid (Lin et al. 2017) as DBNet and FCENet have it: a 1x1 convolution for each level, sums from the coarsest
/// level down (nearest neighbour), a 3x3 convolution for each level. Biases where the checkpoint has them; no norms or
/// activations.
/// </summary>
internal sealed class FeaturePyramid : IDisposable
{
    private readonly Conv2d[] _laterals, _outputs;
    private readonly ConvolutionSequence _finest;

    /// <param name="weights">The neck's place in the checkpoint.</param>
    /// <param name="outputs">What the checkpoint calls the 3x3 convolutions.</param>
    /// <param name="channels">Channels of the levels, fine to coarse.</param>
    /// <param name="lateral">Channels of the sums.</param>
    /// <param name="output">Channels of each result.</param>
    public FeaturePyramid(Weights weights, string outputs, ReadOnlySpan<int> channels, int lateral, int output)
    {
        _laterals = new Conv2d[channels.Length];
        _outputs = new Conv2d[channels.Length];
        for (int i = 0; i < channels.Length; i++)
        {
            _laterals[i] = new Conv2d(weights / "lateral_convs" / $"{i}", "conv", new Conv2dFilter(channels[i], lateral, 1, 1));
            _outputs[i] = new Conv2d(weights / outputs / $"{i}", "conv", new Conv2dFilter(lateral, output, 3, 3, 1, 1));
        }
        _finest = new ConvolutionSequence(weights.Backend, _laterals[0], ConvolutionSequence.Step.AddUpsampled, _outputs[0]);
    }

    /// <summary>
    /// Maps of falling size, which are freed as soon as they were read, to as many of the same sizes, in their order; the caller's
    /// scope owns them.
    /// </summary>
    public Tensor[] Forward(ReadOnlySpan<Tensor> stages)
    {
        var results = new Tensor[_laterals.Length];
        Tensor? above = null;
        for (int i = results.Length - 1; i >= 0; i--)
        {
            if (i == 0 && above is not null && 2 * above.Shape[2] == stages[i].Shape[2] && 2 * above.Shape[3] == stages[i].Shape[3])
            {
                // Nobody else needs the largest sum: it need not exist as a whole.
                results[i] = _finest.Forward(stages[i], above);
                stages[i].Dispose();
                break;
            }
            var level = _laterals[i].Forward(stages[i]);
            stages[i].Dispose();
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
            results[i] = _outputs[i].Forward(level);
            above = level;
        }
        above!.Dispose();
        return results;
    }

    public void Dispose()
    {
        foreach (var conv in _laterals.Concat(_outputs))
        {
            conv.Dispose();
        }
    }
}
