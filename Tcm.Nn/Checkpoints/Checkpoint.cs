using Tcm.Kernels;

namespace Tcm.Nn.Checkpoints;

/// <summary>How the elements of a stored tensor are encoded.</summary>
public enum ElementType
{
    /// <summary>IEEE single.</summary>
    Float32,
    /// <summary>IEEE half.</summary>
    Float16,
    /// <summary>Upper half of an IEEE single.</summary>
    BFloat16,
    /// <summary>IEEE double.</summary>
    Float64,
    /// <summary>Signed 64-bit integer.</summary>
    Int64,
    /// <summary>Signed 32-bit integer.</summary>
    Int32,
    /// <summary>Signed 16-bit integer.</summary>
    Int16,
    /// <summary>Signed byte.</summary>
    Int8,
    /// <summary>Unsigned byte.</summary>
    UInt8,
    /// <summary>One byte, 0 or 1.</summary>
    Bool,
}

/// <summary>
/// Name, encoding and shape of a stored tensor; a scalar has an empty shape. Immutable; safe to share between threads.
/// </summary>
public sealed record TensorInfo(string Name, ElementType Type, IReadOnlyList<int> Shape)
{
    /// <summary>Number of elements.</summary>
    public long Length { get; } = Shape.Aggregate(1L, (n, d) => checked(n * d));

    /// <summary>The shape as <c>[256,64,1,1]</c>.</summary>
    public string ShapeText => $"[{string.Join(',', Shape)}]";
}

/// <summary>A weight file that cannot be used; the message names the file and the reason.</summary>
public sealed class WeightFormatException(string message, Exception? inner = null) : TcmException(message, inner);

/// <summary>
/// Named tensors that are read one at a time, so that a model is loaded without a second copy of its weights. Reading is
/// thread-safe.
/// </summary>
public abstract class Checkpoint : IDisposable
{
    private Dictionary<string, TensorInfo>? _byName;

    /// <summary>Where the tensors come from, for messages.</summary>
    public abstract string Path { get; }

    /// <summary>Text pairs stored beside the tensors (the configuration of a converted model); may be empty.</summary>
    public abstract IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>All tensors in stored order.</summary>
    public abstract IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>The tensor's description, or null.</summary>
    public TensorInfo? Find(string name)
    {
        _byName ??= Tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
        return _byName.GetValueOrDefault(name);
    }

    /// <summary>Reads a tensor in C order, converted to float.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    /// <param name="destination">Exactly <see cref="TensorInfo.Length"/> floats.</param>
    /// <exception cref="WeightFormatException">The file is damaged.</exception>
    public abstract void Read(TensorInfo tensor, Span<float> destination);

    /// <summary>Reads rows [first, first + rows) of a tensor with at least one dimension.</summary>
    public abstract void ReadRows(TensorInfo tensor, int first, int rows, Span<float> destination);

    /// <summary>Reads a whole tensor into a new array.</summary>
    public float[] Read(string name)
    {
        var info = Find(name) ?? throw new WeightFormatException($"{Path}: no tensor '{name}'");
        var values = new float[info.Length];
        Read(info, values);
        return values;
    }

    /// <inheritdoc/>
    public abstract void Dispose();
}
