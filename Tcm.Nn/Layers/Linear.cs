using Tcm.Kernels;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Nn.Layers;

/// <summary>torch.nn.Linear with an optional residual and activation as one operation. May be used from many threads.</summary>
public sealed class Linear : IDisposable
{
    private readonly PreparedMatrix _prepared;

    /// <summary>Reads <c>name.weight</c> (n,k) and, where there is one, <c>name.bias</c>.</summary>
    public Linear(Weights weights, string name, int n, int k, Activation activation = Activation.None)
    {
        using var w = (weights / name).ReadLarge("weight", n, k);
        _prepared = weights.Backend.MatrixProduct.Prepare(n, k, w.Span, ReadBias(weights / name, n), activation);
    }

    private Linear(Backend backend, int n, int k, ReadOnlySpan<float> w, ReadOnlySpan<float> b, Activation activation) =>
        _prepared = backend.MatrixProduct.Prepare(n, k, w, b, activation);

    /// <summary>Output features.</summary>
    public int OutputWidth => _prepared.N;

    /// <summary>
    /// Several layers of n outputs over the same input as one layer of names.Length*n outputs: the packed projections of
    /// attention.
    /// </summary>
    public static Linear Stack(Weights weights, ReadOnlySpan<string> names, int n, int k)
    {
        using var w = new HostBuffer((long)names.Length * n * k);
        float[]? b = null;
        for (int i = 0; i < names.Length; i++)
        {
            (weights / names[i]).ReadInto("weight", w.Span.Slice(i * n * k, n * k), n, k);
            if (ReadBias(weights / names[i], n) is { Length: > 0 } part)
            {
                b ??= new float[names.Length * n];
                part.CopyTo(b, i * n);
            }
        }
        return new Linear(weights.Backend, names.Length * n, k, w.Span, b, Activation.None);
    }

    /// <summary>A layer from tensors with names of their own: PyTorch's packed <c>in_proj_weight</c>, <c>in_proj_bias</c>.</summary>
    public static Linear FromTensors(Weights weights, string weight, string? bias, int n, int k)
    {
        using var w = weights.ReadLarge(weight, n, k);
        return new Linear(weights.Backend, n, k, w.Span, bias is null ? [] : weights.Read(bias, n), Activation.None);
    }

    /// <summary>A layer whose weight is stored (k,n): y = x P.</summary>
    public static Linear FromTransposed(Weights weights, string weight, int n, int k)
    {
        float[] stored = weights.Read(weight, k, n);
        var w = new float[stored.Length];
        for (int i = 0; i < k; i++)
        {
            for (int j = 0; j < n; j++)
            {
                w[(j * k) + i] = stored[(i * n) + j];
            }
        }
        return new Linear(weights.Backend, n, k, w, [], Activation.None);
    }

    /// <summary>act(x w^T + b + residual) over the last axis of x.</summary>
    public Tensor Forward(Tensor x, Tensor? residual = null)
    {
        if (x.Shape.Rank < 1 || x.Shape[-1] != _prepared.K)
        {
            throw new ShapeException($"Linear: x {x.Shape}, weight ({_prepared.N},{_prepared.K})");
        }
        Span<int> sizes = stackalloc int[x.Shape.Rank];
        for (int i = 0; i < sizes.Length; i++)
        {
            sizes[i] = x.Shape[i];
        }
        sizes[^1] = _prepared.N;
        var shape = new Shape(sizes);
        if (residual is not null && residual.Shape != shape)
        {
            throw new ShapeException($"Linear: residual {residual.Shape}, result {shape}");
        }
        var y = new Tensor(x.Backend, shape);
        x.Backend.MatrixProduct.Linear(_prepared, checked((int)(x.Length / _prepared.K)), x.Data, y.Data, residual?.Data);
        return y;
    }

    /// <inheritdoc/>
    public void Dispose() => _prepared.Dispose();

    private static float[] ReadBias(Weights layer, int n) => layer.Has("bias") ? layer.Read("bias", n) : [];
}
