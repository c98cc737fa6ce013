namespace Tcm.Nn.Optimization;

/// <summary>A tensor that an optimiser changes. Immutable itself; one thread at a time may change what it refers to.</summary>
/// <param name="Name">The name in checkpoints; rules of <see cref="ParameterGroups"/> look at it.</param>
/// <param name="Value">The values, changed in place.</param>
/// <param name="Gradient">
/// Asked for at each step: the gradient, of the same shape (which a step may change), or null where there is none; then the
/// tensor and its moments stay as they are.
/// </param>
/// <param name="RateFactor">Multiplies the learning rate. With 0 the tensor is frozen: it is never touched, and has no
/// state.</param>
/// <param name="DecayFactor">Multiplies the weight decay.</param>
public sealed record OptimizedTensor(string Name, Tensor Value, Func<Tensor?> Gradient, float RateFactor = 1,
    float DecayFactor = 1);
