using Tcm.Kernels;
using Tcm.Kernels.HalfImages;
using Tcm.Nn.Autograd;

namespace Tcm.Nn;

/// <summary>
/// A dense float tensor on one backend: contiguous, row-major, NCHW for images; in half-precision inference images and tokens have
/// another <see cref="Format"/>, which operations of training refuse. Freed by <see cref="Dispose"/> or by the
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
    /// <exception cref="ShapeException">No image (N,C,H,W) in a format of images, no axis in one of tokens.</exception>
    public Tensor(Backend backend, Shape shape, TensorFormat format)
    {
        Backend = backend;
        Shape = shape;
        Format = format;
        _data = backend.Allocate(Words).All;
        _owner = this;
        TensorScope.Register(this);
    }

    private Tensor(Tensor source, Shape shape, TensorFormat format)
    {
        Backend = source.Backend;
        Shape = shape;
        Format = format;
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

    /// <summary>The shape of a half-precision image; tokens (..., L, C) are images of one row.</summary>
    internal HalfShape HalfShape => (Format, Shape.Rank) switch
    {
        (TensorFormat.HalfTokens, 1) => new HalfShape(1, Shape[0], 1, 1),
        (TensorFormat.HalfTokens, > 1) => new HalfShape(checked((int)(Length / Shape[-1] / Shape[-2])), Shape[-1], 1, Shape[-2]),
        (not TensorFormat.HalfTokens, 4) => new HalfShape(Shape[0], Shape[1], Shape[2], Shape[3]),
        _ => throw new ShapeException($"Tensor: {Shape} is no image (N,C,H,W) and has no tokens (..., L, C)"),
    };

    /// <summary>32-bit words of memory.</summary>
    internal long Words => Format == TensorFormat.Float ? Length : HalfShape.Length;

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
        if (Format == TensorFormat.HalfImage || (Format == TensorFormat.HalfTokens
            && (shape.Rank == 0 || (shape[-1] != Shape[-1] && (shape[-1] | Shape[-1]) % 8 != 0))))
        {
            throw new ShapeException($"Reshape: {Shape} to {shape} as {Format}, whose channels are last and rounded up to eight");
        }
        var view = View(shape, Format);
        if (Tape.Of(this) is { } tape)
        {
            RecordReshape(tape, view);
        }
        return view;
    }

    /// <summary>Another handle of the same values, outside the recorded graph.</summary>
    internal Tensor Share() => View(Shape, Format);

    /// <summary>The same memory, understood otherwise, outside the recorded graph.</summary>
    internal Tensor View(Shape shape, TensorFormat format)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new Tensor(this, shape, format);
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
