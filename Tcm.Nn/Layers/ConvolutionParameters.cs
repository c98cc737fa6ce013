using Tcm.Kernels;

namespace Tcm.Nn.Layers;

/// <summary>A convolution of a model in training: the filter, and a norm or a bias, residual and activation behind it.</summary>
internal sealed class ConvolutionParameters
{
    private readonly Tensor _weight;
    private readonly Tensor? _bias;
    private readonly BatchNorm2d? _norm;
    private readonly Activation _activation;

    public ConvolutionParameters(Weights weights, string name, string? batchNorm, Activation activation, int outputs,
        params ReadOnlySpan<int> weightShape)
    {
        var conv = weights / name;
        _weight = conv.Parameter("weight", weightShape);
        _bias = conv.Has("bias") ? conv.Parameter("bias", outputs) : null;
        _norm = batchNorm is null ? null : new BatchNorm2d(weights, batchNorm, outputs, activation);
        _activation = activation;
    }

    /// <summary>The convolution's result for a filter, then bias, norm, residual and activation.</summary>
    public Tensor Forward(Func<Tensor, Tensor> convolve, Tensor? residual)
    {
        using var scope = TensorScope.Begin();
        var y = convolve(_weight);
        if (_bias is not null)
        {
            y = Functional.AddToChannels(y, _bias);
        }
        if (_norm is not null)
        {
            return scope.Keep(_norm.Forward(y, residual));
        }
        if (residual is not null)
        {
            y = Functional.Add(y, residual);
        }
        return scope.Keep(_activation == Activation.None ? y : Functional.Activate(y, _activation));
    }
}
