using Tcm.Kernels;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Nn.Layers;

/// <summary>torch.nn.Linear with an optional residual and activation as one operation. May be used from many threads.</summary>
public sealed class Linear : IDisposable
{
    private readonly PreparedMatrix? _prepared;
    private readonly Func<(Tensor Weight, Tensor? Bias)>? _parameters;
    private readonly Activation _activation;

    /// <summary>Reads <c>name.weight</c> (n,k) and, where there is one, <c>name.bias</c>.</summary>
    public Linear(Weights weights, string name, int n, int k, Activation activation = Activation.None)
    {
        var layer = weights / name;
        (OutputWidth, InputWidth, _activation) = (n, k, activation);
        if (weights.Store is not null)
        {
            var weight = layer.Parameter("weight", n, k);
            var bias = layer.Has("bias") ? layer.Parameter("bias", n) : null;
            _parameters = () => (weight, bias);
            return;
        }
        using var w = layer.ReadLarge("weight", n, k);
        _prepared = weights.Backend.MatrixProduct.Prepare(n, k, w.Span, ReadBias(layer, n), activation);
    }

    private Linear(Backend backend, int n, int k, ReadOnlySpan<float> w, ReadOnlySpan<float> b)
    {
        (OutputWidth, InputWidth) = (n, k);
        _prepared = backend.MatrixProduct.Prepare(n, k, w, b, Activation.None);
    }

    private Linear(int n, int k, Func<(Tensor Weight, Tensor? Bias)> parameters)
    {
        (OutputWidth, InputWidth) = (n, k);
        _parameters = parameters;
    }

    /// <summary>Output features.</summary>
    public int OutputWidth { get; }

    /// <summary>Input features.</summary>
    public int InputWidth { get; }

    /// <summary>
    /// Several layers of n outputs over the same input as one layer of names.Length*n outputs: the packed projections of
    /// attention.
    /// </summary>
    public static Linear Stack(Weights weights, ReadOnlySpan<string> names, int n, int k)
    {
        if (weights.Store is not null)
        {
            var layers = names.ToArray().Select(name => new Linear(weights, name, n, k)).ToArray();
            return new Linear(names.Length * n, k, () => StackParameters(layers, n, k));
        }
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
        return new Linear(weights.Backend, names.Length * n, k, w.Span, b);
    }

    /// <summary>A layer from tensors with names of their own: PyTorch's packed <c>in_proj_weight</c>, <c>in_proj_bias</c>.</summary>
    public static Linear FromTensors(Weights weights, string weight, string? bias, int n, int k)
    {
        if (weights.Store is not null)
        {
            var (kept, keptBias) = (weights.Parameter(weight, n, k), bias is null ? null : weights.Parameter(bias, n));
            return new Linear(n, k, () => (kept, keptBias));
        }
        using var w = weights.ReadLarge(weight, n, k);
        return new Linear(weights.Backend, n, k, w.Span, bias is null ? [] : weights.Read(bias, n));
    }

    /// <summary>A layer whose weight is stored (k,n): y = x P.</summary>
    public static Linear FromTransposed(Weights weights, string weight, int n, int k)
    {
        if (weights.Store is not null)
        {
            var kept = weights.Parameter(weight, k, n);
            return new Linear(n, k, () => (Functional.Transpose(kept.Reshape([1, k, n])).Reshape([n, k]), null));
        }
        float[] stored = weights.Read(weight, k, n);
        var w = new float[stored.Length];
        for (int i = 0; i < k; i++)
        {
            for (int j = 0; j < n; j++)
            {
                w[(j * k) + i] = stored[(i * n) + j];
            }
        }
        return new Linear(weights.Backend, n, k, w, []);
    }

    /// <summary>act(x w^T + b + residual) over the last axis of x.</summary>
    public Tensor Forward(Tensor x, Tensor? residual = null)
    {
        if (x.Shape.Rank < 1 || x.Shape[-1] != InputWidth)
        {
            throw new ShapeException($"Linear: x {x.Shape}, weight ({OutputWidth},{InputWidth})");
        }
        if (_prepared is null)
        {
            return Train(x, residual);
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
        if (x.Format == TensorFormat.HalfTokens)
        {
            return Functional.HalfLinear(_prepared, x, residual, shape);
        }
        var y = new Tensor(x.Backend, shape);
        x.Backend.MatrixProduct.Linear(_prepared, checked((int)(x.Length / _prepared.K)), x.Data, y.Data, residual?.Data);
        return y;
    }

    /// <inheritdoc/>
    public void Dispose() => _prepared?.Dispose();

    private Tensor Train(Tensor x, Tensor? residual)
    {
        using var scope = TensorScope.Begin();
        var (weight, bias) = _parameters!();
        var y = Functional.Linear(x, weight);
        if (bias is not null)
        {
            y = Functional.Add(y, bias);
        }
        if (residual is not null)
        {
            y = Functional.Add(y, residual);
        }
        return scope.Keep(_activation == Activation.None ? y : Functional.Activate(y, _activation));
    }

    /// <summary>The weights of several layers below each other, (names * n, k), and their biases.</summary>
    private static (Tensor Weight, Tensor? Bias) StackParameters(Linear[] layers, int n, int k)
    {
        var (weight, bias) = layers[0]._parameters!();
        weight = weight.Reshape([1, n, k]);
        bias = bias?.Reshape([1, n]);
        foreach (var layer in layers.AsSpan(1))
        {
            var (w, b) = layer._parameters!();
            weight = Functional.Concat(weight, w.Reshape([1, n, k]));
            bias = bias is null ? null : Functional.Concat(bias, b!.Reshape([1, n]));
        }
        return (weight.Reshape([layers.Length * n, k]), bias?.Reshape([layers.Length * n]));
    }

    private static float[] ReadBias(Weights layer, int n) => layer.Has("bias") ? layer.Read("bias", n) : [];
}
