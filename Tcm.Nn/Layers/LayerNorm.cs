namespace Tcm.Nn.Layers;

/// <summary>torch.nn.LayerNorm over the last axis, eps 1e-5. May be used from many threads.</summary>
public sealed class LayerNorm : IDisposable
{
    private readonly Tensor _gamma, _beta;
    private readonly bool _owned;

    /// <summary>Reads <c>name.weight</c> and <c>name.bias</c>, both (width).</summary>
    public LayerNorm(Weights weights, string name, int width)
    {
        var norm = weights / name;
        _owned = weights.Store is null;
        _gamma = _owned ? norm.Tensor("weight", width) : norm.Parameter("weight", width);
        _beta = _owned ? norm.Tensor("bias", width) : norm.Parameter("bias", width);
    }

    /// <summary>Normalises each row of x (..., width).</summary>
    public Tensor Forward(Tensor x) => Functional.LayerNorm(x, _gamma, _beta);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_owned)
        {
            _gamma.Dispose();
            _beta.Dispose();
        }
    }
}
