namespace Tcm.Kernels.Elementwise;

/// <summary>Functions of two values.</summary>
public enum BinaryOp
{
    /// <summary>a + b</summary>
    Add,
    /// <summary>a - b</summary>
    Subtract,
    /// <summary>a * b</summary>
    Multiply,
}

/// <summary>
/// How the second operand of a binary map is repeated. The result and a are (Outer, Middle, Inner); b has one value for
/// each middle index, at <c>b[o * OuterStride + m]</c> when Inner values share it, or, with <see cref="Full"/>, one for each.
/// Examples: a bias over rows is (rows, columns, 1, 0); over channels of NCHW (N, C, H*W, 0); a vector per image added to
/// all its L tokens is Outer = N images, handled as (N*L, D, 1) with one call per image or by <see cref="Full"/>.
/// </summary>
public readonly record struct Broadcast(long Outer, int Middle, int Inner, long OuterStride)
{
    /// <summary>No repetition: b has as many values as a.</summary>
    public static Broadcast Full(long length) => new(length, 1, 1, 1);

    /// <summary>b (columns) for every row of a (rows, columns).</summary>
    public static Broadcast Rows(long rows, int columns) => new(rows, columns, 1, 0);

    /// <summary>b (channels) for every pixel of a (images, channels, pixels).</summary>
    public static Broadcast Channels(long images, int channels, int pixels) => new(images, channels, pixels, 0);

    /// <summary>Values of a and of the result.</summary>
    public long Length => Outer * Middle * Inner;

    /// <summary>Values of b.</summary>
    public long OperandLength => (Outer - 1) * OuterStride + Middle;
}

/// <summary>Maps over tensors. The result may be the same memory as a. Thread-safe as far as its backend is.</summary>
public abstract partial class ElementwiseMaps
{
    // Only Tcm derives from it, so that members can be added.
    private protected ElementwiseMaps() { }

    /// <summary>y = f(x)</summary>
    public void Activate(Activation activation, Slice x, Slice y)
    {
        Check.Length("Activate", "y", y, x.Length);
        ActivateCore(activation, x, y);
    }

    /// <summary>y = scale * x + offset</summary>
    public void Affine(float scale, float offset, Slice x, Slice y)
    {
        Check.Length("Affine", "y", y, x.Length);
        AffineCore(scale, offset, x, y);
    }

    /// <summary>y = a op b, b repeated as <paramref name="broadcast"/> says.</summary>
    public void Binary(BinaryOp op, Broadcast broadcast, Slice a, Slice b, Slice y)
    {
        // Not op.ToString(), which boxes.
        string name = op switch
        {
            BinaryOp.Add => nameof(BinaryOp.Add),
            BinaryOp.Subtract => nameof(BinaryOp.Subtract),
            _ => nameof(BinaryOp.Multiply),
        };
        Check.Length(name, "a", a, broadcast.Length);
        Check.Length(name, "b", b, broadcast.OperandLength);
        Check.Length(name, "y", y, broadcast.Length);
        BinaryCore(op, broadcast, a, b, y);
    }

    /// <summary>y = a + scale * b, element by element.</summary>
    public void AddScaled(float scale, Slice a, Slice b, Slice y)
    {
        Check.Length("AddScaled", "b", b, a.Length);
        Check.Length("AddScaled", "y", y, a.Length);
        AddScaledCore(scale, a, b, y);
    }

    private protected abstract void ActivateCore(Activation activation, Slice x, Slice y);

    private protected abstract void AffineCore(float scale, float offset, Slice x, Slice y);

    private protected abstract void BinaryCore(BinaryOp op, Broadcast broadcast, Slice a, Slice b, Slice y);

    private protected abstract void AddScaledCore(float scale, Slice a, Slice b, Slice y);
}
