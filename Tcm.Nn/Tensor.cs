using Tcm.Kernels;
using Tcm.Kernels.HalfImages;
using Tcm.Nn.Autograd;

namespace Tcm.Nn;

/// <summary>
/// A dense float tensor on one backend: contiguous, row-major, NCHW for images; in half-precision inference images may have another
/// <see cref="Format"/>, which most operations refuse. Freed by <see cref="Dispose"/> or by the
/// <see cref="TensorScope"/> in which it was made. Not thread-safe; a tensor that nobody writes may be read by many threads.
/// </summary>
public sealed class Tensor : IDisposable
{
    private readonly Slice _data;
    private readonly Tensor _owner;
    private int _references = 1;
    private bool _disposed;

    /// <summary>Allocates a tensor with undefined contents.</summary>
    public Tensor(Backend backend, Shape shape) : this(backend, shape, TensorFormat.Float) { }

    /// <summary>Allocates a tensor of any format with undefined contents.</summary>
    /// <exception cref="ShapeException">No image (N,C,H,W) in a format of images.</exception>
    public Tensor(Backend backend, Shape shape, TensorFormat format)
    {
        Backend = backend;
        Shape = shape;
        Format = format;
        _data = backend.Allocate(format == TensorFormat.Float ? shape.Length : HalfShape.Length).All;
        _owner = this;
        TensorScope.Register(this);
    }

    private Tensor(Tensor source, Shape shape)
    {
        Backend = source.Backend;
        Shape = shape;
        Format = source.Format;
        _data = source._data;
        _owner = source._owner;
        _owner._references++;
        TensorScope.Register(this);
    }

    /// <summary>The device that holds the values.</summary>
    public Backend Backend { get; }

    /// <summary>The axes.</summary>
    public Shape Shape { get; }

    /// <summary>Number of values.</summary>
    public long Length => Shape.Length;

    /// <summary>How the values lie in memory.</summary>
    public TensorFormat Format { get; }

    /// <summary>The values on the device, floats.</summary>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    /// <exception cref="ShapeException">The values are no floats.</exception>
    public Slice Data => Format == TensorFormat.Float ? RawData
        : throw new ShapeException($"Tensor: an operation on floats was given {Shape} in half precision; see Functional.ToFloat");

    /// <summary>The values on the device in whatever format they have, counted in 32-bit words.</summary>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public Slice RawData
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _data;
        }
    }

    /// <summary>The shape of a half-precision image.</summary>
    internal HalfShape HalfShape => Shape.Rank == 4 ? new HalfShape(Shape[0], Shape[1], Shape[2], Shape[3])
        : throw new ShapeException($"Tensor: {Shape} is no image (N,C,H,W)");

    /// <summary>Whether the tape that records now, or one that recorded its making, can give it a gradient.</summary>
    public bool RequiresGradient => Node is not null;

    internal int ScopeDepth { get; set; }

    /// <summary>Place in the recorded graph, where there is one.</summary>
    internal GradientNode? Node { get; set; }

    /// <summary>Whether another handle refers to the same memory.</summary>
    internal bool IsShared => _owner._references > 1;

    /// <summary>Copies values from the host.</summary>
    public static Tensor From(Backend backend, ReadOnlySpan<float> values, Shape shape)
    {
        if (values.Length != shape.Length)
        {
            throw new ShapeException($"Tensor: {values.Length} values for shape {shape}");
        }
        var tensor = new Tensor(backend, shape);
        backend.Upload(values, tensor.Data);
        return tensor;
    }

    /// <summary>The same values under another shape; free, and both stay usable.</summary>
    /// <exception cref="ShapeException">The numbers of elements differ.</exception>
    public Tensor Reshape(Shape shape)
    {
        if (shape.Length != Length)
        {
            throw new ShapeException($"Reshape: {Shape} to {shape}");
        }
        if (Format != TensorFormat.Float)
        {
            throw new ShapeException($"Reshape: {Shape} in half precision has its channels last");
        }
        ObjectDisposedException.ThrowIf(_disposed, this);
        var view = new Tensor(this, shape);
        if (Tape.Of(this) is { } tape)
        {
            RecordReshape(tape, view);
        }
        return view;
    }

    /// <summary>Another handle of the same values, outside the recorded graph.</summary>
    internal Tensor Share()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new Tensor(this, Shape);
    }

    /// <summary>No <see cref="TensorScope"/> frees this handle any more; it belongs to the caller.</summary>
    public void LeaveScope() => ScopeDepth = 0;

    private void RecordReshape(Tape tape, Tensor view)
    {
        var shape = Shape;
        tape.Add("Reshape", view, [this], dy => [dy.Reshape(shape)]);
    }

    /// <summary>Copies the values to a new host array.</summary>
    public float[] ToArray()
    {
        using var scope = TensorScope.Begin();
        var values = new float[Length];
        Backend.Download(Functional.ToFloat(this).Data, values);
        return values;
    }

    /// <summary>Frees the memory when no reshaped tensor shares it any more; a second call does nothing.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        if (--_owner._references == 0)
        {
            _data.Storage.Dispose();
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"Tensor{Shape} on {Backend.Name}";
}
