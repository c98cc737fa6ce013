namespace Tcm.Nn.Optimization;

/// <summary>
/// Stochastic gradient descent with momentum and L2 decay: v = momentum v + g + decay p; p -= rate v. Not thread-safe.
/// </summary>
public sealed class Sgd(IEnumerable<OptimizedTensor> tensors, double momentum = 0.9, double decay = 0)
    : Optimizer(tensors, "momentum")
{
    private protected override void Update(OptimizedTensor tensor, Tensor gradient, double rate, Tensor[] state) =>
        tensor.Value.Backend.Optimizers.Sgd((float)rate, (float)momentum, (float)(decay * tensor.DecayFactor), tensor.Value.Data,
            gradient.Data, state[0].Data);
}
