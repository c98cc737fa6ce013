using Tcm.Kernels;

namespace Tcm.Nn.Optimization;

/// <summary>
/// Changes parameters in place along their gradients. All state lives on the parameters' device. Saving means writing
/// <see cref="State"/> and <see cref="Steps"/>; a run that is restored from them gives the same bits as one that was never
/// interrupted. Owns its state, not the parameters. Not thread-safe.
/// </summary>
public abstract class Optimizer : IDisposable
{
    private readonly string[] _slots;
    private readonly Tensor[][] _state;

    /// <summary>Makes the state, filled with zeros.</summary>
    /// <param name="tensors">The parameters; frozen ones are left out.</param>
    /// <param name="slots">Names of the state tensors of each parameter.</param>
    /// <exception cref="ShapeException">Two parameters have one name.</exception>
    private protected Optimizer(IEnumerable<OptimizedTensor> tensors, params string[] slots)
    {
        Tensors = [.. tensors.Where(t => t.RateFactor != 0)];
        if (Tensors.GroupBy(t => t.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new ShapeException($"Optimizer: two parameters are called '{twice.Key}'");
        }
        _slots = slots;
        _state = [.. Tensors.Select(t => slots.Select(_ => NamedState.Zeros(t.Value)).ToArray())];
    }

    /// <summary>The parameters that are changed.</summary>
    public IReadOnlyList<OptimizedTensor> Tensors { get; }

    /// <summary>Steps taken so far.</summary>
    public long Steps { get; private set; }

    /// <summary>The state by name, <c>parameter.slot</c>, for checkpoints.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> State =>
        Tensors.SelectMany((t, i) => _slots.Select((slot, s) => ($"{t.Name}.{slot}", _state[i][s])));

    /// <summary>One step along the present gradients; the work may still run on the device when this returns.</summary>
    /// <param name="rate">The learning rate; each parameter's factor multiplies it.</param>
    /// <exception cref="ShapeException">A gradient is shorter than its parameter.</exception>
    public void Step(double rate)
    {
        if (Steps == 0)
        {
            for (int i = 0; i < Tensors.Count; i++)
            {
                Begin(Tensors[i].Value, _state[i]);
            }
        }
        Steps++;
        for (int i = 0; i < Tensors.Count; i++)
        {
            if (Tensors[i].Gradient() is { } gradient)
            {
                Update(Tensors[i], gradient, rate * Tensors[i].RateFactor, _state[i]);
            }
        }
    }

    /// <summary>Puts back a saved state.</summary>
    /// <param name="steps"><see cref="Steps"/> when it was saved.</param>
    /// <param name="read">Gives the values of a state tensor by its name, as a checkpoint's <c>Read</c> does.</param>
    /// <exception cref="ShapeException">A tensor has another length.</exception>
    public void Restore(long steps, Func<string, float[]> read)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        NamedState.Restore(State, read);
        Steps = steps;
    }

    /// <summary>Before the first step: state that does not start from zero.</summary>
    private protected virtual void Begin(Tensor value, Tensor[] state) { }

    /// <summary>One parameter's step; <see cref="Steps"/> counts this one already.</summary>
    private protected abstract void Update(OptimizedTensor tensor, Tensor gradient, double rate, Tensor[] state);

    /// <summary>Frees the state.</summary>
    public void Dispose()
    {
        foreach (var tensor in _state.SelectMany(s => s))
        {
            tensor.Dispose();
        }
        GC.SuppressFinalize(this);
    }
}
