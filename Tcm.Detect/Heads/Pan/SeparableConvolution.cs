using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Kernels.Convolution;
using Tcm.Nn;
using Tcm.Nn.Layers;

namespace Tcm.Detect.Heads.Pan;

/// <summary>A depthwise 3x3 convolution, a pointwise one, BatchNorm2d and ReLU; the number of channels stays.</summary>
internal sealed class SeparableConvolution : IDisposable
{
    private readonly Conv2d _depthwise, _pointwise;

    public SeparableConvolution(Weights weights, int channels, int stride)
    {
        _depthwise = new Conv2d(weights, "depthwise_conv", new Conv2dFilter(channels, channels, 3, 3, stride, 1, channels));
        _pointwise = new Conv2d(weights, "pointwise_conv", new Conv2dFilter(channels, channels, 1, 1), "bn", Activation.Relu);
    }

    /// <summary>x (B,C,H,W) to (B, C, H/stride, W/stride), rounded up.</summary>
    public Tensor Forward(Tensor x)
    {
        using var inner = _depthwise.Forward(x);
        return _pointwise.Forward(inner);
    }

    /// <summary>Adds names and shapes in the order of the official checkpoints.</summary>
    public static void AddTensors(TensorTable table, string name, int channels)
    {
        table.Add($"{name}.depthwise_conv.weight", channels, 1, 3, 3);
        table.Add($"{name}.depthwise_conv.bias", channels);
        table.Convolution($"{name}.pointwise_conv", channels, channels, 1);
        table.BatchNorm($"{name}.bn", channels);
    }

    public void Dispose()
    {
        _depthwise.Dispose();
        _pointwise.Dispose();
    }
}
