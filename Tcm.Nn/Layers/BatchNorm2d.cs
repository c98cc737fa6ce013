using Tcm.Kernels;
using Tcm.Kernels.Normalization;
using Tcm.Nn.Autograd;

namespace Tcm.Nn.Layers;

/// <summary>
/// torch.nn.BatchNorm2d (eps 1e-5, momentum 0.1) of a model in training, with what follows it. At inference it does not
/// exist: <see cref="Fold"/> puts it into the convolution before it.
/// </summary>
internal sealed class BatchNorm2d
{
    private const float Eps = 1e-5f;
    private readonly ParameterStore _store;
    private readonly Tensor _gamma, _beta, _runningMean, _runningVar;
    private readonly Activation _activation;

    public BatchNorm2d(Weights weights, string name, int channels, Activation activation)
    {
        var norm = weights / name;
        _store = weights.Store!;
        _activation = activation;
        _gamma = norm.Parameter("weight", channels);
        _beta = norm.Parameter("bias", channels);
        _runningMean = norm.Buffer("running_mean", channels);
        _runningVar = norm.Buffer("running_var", channels);
    }

    /// <summary>act(norm(x) + residual) for x (N,C,H,W).</summary>
    public Tensor Forward(Tensor x, Tensor? residual) => Functional.BatchNorm2d(x, _gamma, _beta, _runningMean, _runningVar,
        _store.IsTraining, _activation, residual, Eps);

    /// <summary>Scales a filter and its bias so that the norm behind them vanishes.</summary>
    public static void Fold(Weights norm, Span<float> w, Span<float> b, int run)
    {
        int k = b.Length;
        BatchNormFolding.Fold(w, b, norm.Read("weight", k), norm.Read("bias", k), norm.Read("running_mean", k),
            norm.Read("running_var", k), Eps, run);
    }
}
