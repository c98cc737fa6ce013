using Tcm.Kernels;
using Tcm.Nn.Autograd;
using Tcm.Nn.Checkpoints;

namespace Tcm.Nn;

/// <summary>
/// A place in a checkpoint's tree of names, from which layers are built: making a layer reads its tensors under this
/// prefix, packs them for the backend and keeps no second copy. <c>weights / "layer1" / "0"</c> goes down the tree. With a
/// <see cref="ParameterStore"/> the layers are made to be trained instead: their tensors become parameters of the store.
/// Thread-safe for reading; one thread at a time with a store.
/// </summary>
public readonly struct Weights
{
    private readonly Checkpoint _checkpoint;
    private readonly string _prefix;

    /// <summary>The root of a checkpoint.</summary>
    /// <param name="checkpoint">The tensors.</param>
    /// <param name="backend">Where the layers will compute.</param>
    /// <param name="store">Receives the parameters of a model that is to be trained; null for inference.</param>
    public Weights(Checkpoint checkpoint, Backend backend, ParameterStore? store = null) : this(checkpoint, backend, store, "") { }

    private Weights(Checkpoint checkpoint, Backend backend, ParameterStore? store, string prefix)
    {
        Store = store;
        _checkpoint = checkpoint;
        Backend = backend;
        _prefix = prefix;
    }

    /// <summary>Where the layers will compute.</summary>
    public Backend Backend { get; }

    /// <summary>Where the parameters of a model in training are kept; null for inference.</summary>
    public ParameterStore? Store { get; }

    /// <summary>One step down: the names that start with this prefix, <paramref name="name"/> and a dot.</summary>
    public static Weights operator /(Weights weights, string name) =>
        new(weights._checkpoint, weights.Backend, weights.Store, weights._prefix + name + ".");

    /// <summary>Whether a tensor of this name is there.</summary>
    public bool Has(string name) => _checkpoint.Find(_prefix + name) is not null;

    /// <summary>Reads a tensor of any shape to host memory.</summary>
    /// <exception cref="WeightFormatException">It is missing.</exception>
    public float[] Read(string name) => _checkpoint.Read(_prefix + name);

    /// <summary>Reads a tensor to host memory.</summary>
    /// <exception cref="WeightFormatException">It is missing, or its shape is not the expected one.</exception>
    public float[] Read(string name, params ReadOnlySpan<int> shape)
    {
        var info = Find(name, shape);
        var values = new float[info.Length];
        _checkpoint.Read(info, values);
        return values;
    }

    /// <summary>Reads a large tensor to memory that is returned to the system when it is disposed.</summary>
    internal HostBuffer ReadLarge(string name, params ReadOnlySpan<int> shape)
    {
        var info = Find(name, shape);
        var values = new HostBuffer(info.Length);
        _checkpoint.Read(info, values.Span);
        return values;
    }

    /// <summary>Reads a tensor into a part of larger memory.</summary>
    internal void ReadInto(string name, Span<float> destination, params ReadOnlySpan<int> shape) =>
        _checkpoint.Read(Find(name, shape), destination);

    /// <summary>Reads rows of a tensor (rows, width) to host memory.</summary>
    public void ReadRow(string name, int row, Span<float> destination)
    {
        var info = _checkpoint.Find(_prefix + name)
            ?? throw new WeightFormatException($"{_checkpoint.Path}: no tensor '{_prefix}{name}'");
        if (info.Shape.Count != 2 || info.Shape[1] != destination.Length || (uint)row >= (uint)info.Shape[0])
        {
            throw new WeightFormatException(
                $"{_checkpoint.Path}: row {row} of {destination.Length} values asked of {info.Name} {info.ShapeText}");
        }
        _checkpoint.ReadRows(info, row, 1, destination);
    }

    /// <summary>Reads a tensor to the device. It lives until its owner disposes it, whatever scope is open.</summary>
    public Tensor Tensor(string name, params ReadOnlySpan<int> shape)
    {
        using var values = ReadLarge(name, shape);
        return Persistent(values.Span, new Shape(shape));
    }

    /// <summary>Copies values to the device, for a layer that keeps them.</summary>
    public Tensor Persistent(ReadOnlySpan<float> values, Shape shape)
    {
        var tensor = Nn.Tensor.From(Backend, values, shape);
        tensor.ScopeDepth = 0;
        return tensor;
    }

    /// <summary>
    /// As <see cref="Persistent"/>, for values that meet features of an image or of tokens, such as position embeddings: where the
    /// backend keeps those in half precision, an image (four axes) or tokens in that, else floats.
    /// </summary>
    public Tensor PersistentFeatures(ReadOnlySpan<float> values, Shape shape)
    {
        using var scope = TensorScope.Begin();
        var floats = Nn.Tensor.From(Backend, values, shape);
        var features = Backend.HalfImages is null ? floats
            : shape.Rank == 4 ? Functional.ToHalfImage(floats) : Functional.ToHalfTokens(floats);
        features.LeaveScope();
        return features;
    }

    /// <summary>A learned tensor of a model in training.</summary>
    public Tensor Parameter(string name, params ReadOnlySpan<int> shape) => Kept(name, shape, learned: true);

    /// <summary>A tensor of a model in training that is not learned but saved: running statistics.</summary>
    public Tensor Buffer(string name, params ReadOnlySpan<int> shape) => Kept(name, shape, learned: false);

    private Tensor Kept(string name, ReadOnlySpan<int> shape, bool learned)
    {
        var place = this;
        int[] sizes = shape.ToArray();
        return Store!.GetOrAdd(_prefix + name, () => place.Tensor(name, sizes), learned).Value;
    }

    private TensorInfo Find(string name, ReadOnlySpan<int> shape)
    {
        var info = _checkpoint.Find(_prefix + name)
            ?? throw new WeightFormatException($"{_checkpoint.Path}: no tensor '{_prefix}{name}'");
        if (!shape.SequenceEqual([.. info.Shape]))
        {
            throw new WeightFormatException($"{_checkpoint.Path}: '{info.Name}' is {info.ShapeText}, " +
                $"the configuration expects [{string.Join(',', shape.ToArray())}]");
        }
        return info;
    }
}
