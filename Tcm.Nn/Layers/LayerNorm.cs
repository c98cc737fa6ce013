namespace Tcm.Nn.Layers;

/// <summary>torch.nn.LayerNorm over the last axis, eps 1e-5. May be used from many threads.</summary>
public sealed class LayerNorm : IDisposable
{
    private readonly Tensor _gamma, _beta;

    /// <summary>Reads <c>name.weight</c> and <c>name.bias</c>, both (width).</summary>
    public LayerNorm(Weights weights, string name, int width)
    {
        _gamma = (weights / name).Tensor("weight", width);
        _beta = (weights / name).Tensor("bias", width);
    }

    /// <summary>Normalises each row of x (..., width).</summary>
    public Tensor Forward(Tensor x) => Functional.LayerNorm(x, _gamma, _beta);

    /// <inheritdoc/>
    public void Dispose()
    {
        _gamma.Dispose();
        _beta.Dispose();
    }
}
