using Tcm.Kernels.Optimizers;

namespace Tcm.Nn.Optimization;

/// <summary>Adam (Kingma and Ba 2015); weight decay is added to the gradient. Not thread-safe.</summary>
public sealed class Adam(IEnumerable<OptimizedTensor> tensors, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
    double decay = 0) : Optimizer(tensors, AdamUpdate.Slots)
{
    private readonly AdamUpdate _update = new(beta1, beta2, eps, decay, Decoupled: false);

    private protected override void Update(OptimizedTensor tensor, Tensor gradient, double rate, Tensor[] state) =>
        _update.Run(tensor, gradient, rate, state, Steps);
}

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019): p *= 1 - rate * decay before each step. Not thread-safe.
/// </summary>
public sealed class AdamW(IEnumerable<OptimizedTensor> tensors, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
    double decay = 0.01) : Optimizer(tensors, AdamUpdate.Slots)
{
    private readonly AdamUpdate _update = new(beta1, beta2, eps, decay, Decoupled: true);

    private protected override void Update(OptimizedTensor tensor, Tensor gradient, double rate, Tensor[] state) =>
        _update.Run(tensor, gradient, rate, state, Steps);
}

/// <summary>What the two have in common.</summary>
internal sealed record AdamUpdate(double Beta1, double Beta2, double Eps, double Decay, bool Decoupled)
{
    public static readonly string[] Slots = ["exp_avg", "exp_avg_sq"];

    public void Run(OptimizedTensor tensor, Tensor gradient, double rate, Tensor[] state, long steps)
    {
        var step = new AdamStep(rate, Beta1, Beta2, Eps, Decay * tensor.DecayFactor, Decoupled,
            1 - Math.Pow(Beta1, steps), 1 - Math.Pow(Beta2, steps));
        tensor.Value.Backend.Optimizers.Adam(step, tensor.Value.Data, gradient.Data, state[0].Data, state[1].Data);
    }
}
