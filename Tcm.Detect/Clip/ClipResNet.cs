using Tcm.Kernels;
using Tcm.Kernels.Convolution;
using Tcm.Nn;
using Tcm.Nn.Layers;

namespace Tcm.Detect.Clip;

/// <summary>
/// CLIP's modified ResNet (Radford et al. 2021; tcm-model.md section 4): a stem of three 3x3 convolutions and an average
/// pool, then four stages of bottlenecks that shrink by average pooling instead of by stride.
/// </summary>
internal sealed class ClipResNet : IDisposable
{
    private readonly Conv2d _conv1, _conv2, _conv3;
    private readonly ConvolutionSequence _stem;
    private readonly Bottleneck[][] _stages;

    /// <param name="weights">The backbone's place in the checkpoint.</param>
    /// <param name="width">Channels after the stem (64 in ResNet-50).</param>
    /// <param name="blocks">Bottlenecks of each of the four stages.</param>
    public ClipResNet(Weights weights, int width, IReadOnlyList<int> blocks)
    {
        int half = width / 2;
        _conv1 = new Conv2d(weights, "conv1", new Conv2dFilter(3, half, 3, 3, 2, 1), "bn1", Activation.Relu);
        _conv2 = new Conv2d(weights, "conv2", new Conv2dFilter(half, half, 3, 3, 1, 1), "bn2", Activation.Relu);
        _conv3 = new Conv2d(weights, "conv3", new Conv2dFilter(half, width, 3, 3, 1, 1), "bn3", Activation.Relu);
        _stem = new ConvolutionSequence(weights.Backend, _conv1, _conv2, _conv3, ConvolutionSequence.Step.AvgPool(2));
        _stages = new Bottleneck[4][];
        int channels = width;
        for (int s = 0; s < 4; s++)
        {
            int planes = width << s;
            var stage = weights / $"layer{s + 1}";
            _stages[s] = new Bottleneck[blocks[s]];
            for (int b = 0; b < blocks[s]; b++)
            {
                _stages[s][b] = new Bottleneck(stage / $"{b}", channels, planes, b == 0 && s > 0 ? 2 : 1);
                channels = planes * Bottleneck.Expansion;
            }
        }
    }

    /// <summary>x (B,3,H,W), H and W multiples of 32, to (B,width,H/4,W/4).</summary>
    public Tensor Stem(Tensor x) => _stem.Forward(x);

    /// <summary>Stage 0..3: (B, 4*width*2^stage, ...) at stride 4, 8, 16, 32.</summary>
    public Tensor Stage(int stage, Tensor x)
    {
        using var scope = TensorScope.Begin();
        var y = x;
        foreach (var block in _stages[stage])
        {
            var next = block.Forward(y);
            if (!ReferenceEquals(y, x))
            {
                y.Dispose();
            }
            y = next;
        }
        return scope.Keep(y);
    }

    public void Dispose()
    {
        _conv1.Dispose();
        _conv2.Dispose();
        _conv3.Dispose();
        foreach (var block in _stages.SelectMany(s => s))
        {
            block.Dispose();
        }
    }

    /// <summary>1x1, 3x3, average pool where the stride is 2, 1x1 to four times the planes; identity added before the ReLU.</summary>
    private sealed class Bottleneck : IDisposable
    {
        public const int Expansion = 4;
        private readonly Conv2d _conv1, _conv2, _conv3;
        private readonly Conv2d? _downsample;
        private readonly ConvolutionSequence _sequence;

        public Bottleneck(Weights weights, int channels, int planes, int stride)
        {
            int wide = planes * Expansion;
            _conv1 = new Conv2d(weights, "conv1", new Conv2dFilter(channels, planes, 1, 1), "bn1", Activation.Relu);
            _conv2 = new Conv2d(weights, "conv2", new Conv2dFilter(planes, planes, 3, 3, 1, 1), "bn2", Activation.Relu);
            _conv3 = new Conv2d(weights, "conv3", new Conv2dFilter(planes, wide, 1, 1), "bn3", Activation.Relu);
            if (stride > 1 || channels != wide)
            {
                _downsample = new Conv2d(weights, "downsample.0", new Conv2dFilter(channels, wide, 1, 1), "downsample.1");
            }
            var backend = weights.Backend;
            var pool = ConvolutionSequence.Step.AvgPool(stride);
            var shortcut = _downsample is null ? null : stride > 1 ? new ConvolutionSequence(backend, pool, _downsample)
                : new ConvolutionSequence(backend, _downsample);
            _sequence = stride > 1 ? new ConvolutionSequence(backend, shortcut, _conv1, _conv2, pool, _conv3)
                : new ConvolutionSequence(backend, shortcut, _conv1, _conv2, _conv3);
        }

        /// <summary>Without a downsampling branch the result may take the memory of <paramref name="x"/>.</summary>
        public Tensor Forward(Tensor x) => _downsample is null ? _sequence.ForwardOnto(x, x) : _sequence.Forward(x);

        public void Dispose()
        {
            _conv1.Dispose();
            _conv2.Dispose();
            _conv3.Dispose();
            _downsample?.Dispose();
        }
    }
}
