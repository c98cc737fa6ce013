namespace Tcm.Nn.Autograd;

/// <summary>
/// A tensor that is learned, or a buffer that is only kept (running statistics). Its value is changed in place by an
/// optimiser; the gradients of all backward passes since <see cref="ZeroGradient"/> are summed in <see cref="Gradient"/>.
/// Not thread-safe.
/// </summary>
public sealed class Parameter : IDisposable
{
    private bool _hasGradient;

    internal Parameter(string name, Tensor value, bool learned)
    {
        Name = name;
        Value = value;
        Value.ScopeDepth = 0;
        Learned = learned;
        IsFrozen = !learned;
    }

    /// <summary>The name in checkpoints.</summary>
    public string Name { get; }

    /// <summary>The values on the device.</summary>
    public Tensor Value { get; }

    /// <summary>False for a buffer.</summary>
    public bool Learned { get; }

    /// <summary>Whether no gradient is wanted: nothing is recorded for it, and an optimiser leaves it as it is.</summary>
    public bool IsFrozen
    {
        get;
        set
        {
            field = value || !Learned;
            Value.Node = field ? null : new GradientNode(Value.Shape, this);
        }
    }

    /// <summary>The summed gradient, or null before the first backward pass.</summary>
    public Tensor? Gradient { get; private set; }

    /// <summary>Whether a backward pass has reached this parameter since the last <see cref="ZeroGradient"/>.</summary>
    public bool HasGradient => _hasGradient;

    /// <summary>Forgets the gradient; its memory is kept for the next pass.</summary>
    public void ZeroGradient() => _hasGradient = false;

    internal void Accumulate(Tensor gradient)
    {
        if (Gradient is null)
        {
            Gradient = new Tensor(Value.Backend, Value.Shape);
            Gradient.LeaveScope();
        }
        if (_hasGradient)
        {
            Value.Backend.Elementwise.AddScaled(1, Gradient.Data, gradient.Data, Gradient.Data);
        }
        else
        {
            Value.Backend.Copy(gradient.Data, Gradient.Data);
            _hasGradient = true;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Value.Dispose();
        Gradient?.Dispose();
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Value.Shape}";
}
