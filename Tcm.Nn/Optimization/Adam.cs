using Tcm.Kernels.Optimizers;

namespace Tcm.Nn.Optimization;

/// <summary>Adam (Kingma and Ba 2015); weight decay is added to the gradient.</summary>
public class Adam : Optimizer
{
    private readonly double _beta1, _beta2, _eps, _decay;
    private readonly bool _decoupled;

    /// <summary>Over parameters, with PyTorch's defaults.</summary>
    public Adam(IEnumerable<OptimizedTensor> tensors, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
        double decay = 0) : this(tensors, beta1, beta2, eps, decay, decoupled: false) { }

    private protected Adam(IEnumerable<OptimizedTensor> tensors, double beta1, double beta2, double eps, double decay,
        bool decoupled) : base(tensors, "exp_avg", "exp_avg_sq")
    {
        _beta1 = beta1;
        _beta2 = beta2;
        _eps = eps;
        _decay = decay;
        _decoupled = decoupled;
    }

    private protected override void Update(OptimizedTensor tensor, Tensor gradient, double rate, Tensor[] state)
    {
        var step = new AdamStep(rate, _beta1, _beta2, _eps, _decay * tensor.DecayFactor, _decoupled,
            1 - Math.Pow(_beta1, Steps), 1 - Math.Pow(_beta2, Steps));
        tensor.Value.Backend.Optimizers.Adam(step, tensor.Value.Data, gradient.Data, state[0].Data, state[1].Data);
    }
}

/// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019): p *= 1 - rate * decay before each step.</summary>
public sealed class AdamW(IEnumerable<OptimizedTensor> tensors, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
    double decay = 0.01) : Adam(tensors, beta1, beta2, eps, decay, decoupled: true);
