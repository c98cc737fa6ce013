using Tcm.Kernels;
using Tcm.Kernels.Elementwise;
using Tcm.Nn.Autograd;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>
    /// a + b; b has a's shape, or the shape of a's last axes (behind axes of 1 or not) and is repeated over the first ones.
    /// </summary>
    public static Tensor Add(Tensor a, Tensor b) => Binary(BinaryOp.Add, a, b);

    /// <summary>a - b, with the repetition of <see cref="Add"/>.</summary>
    public static Tensor Subtract(Tensor a, Tensor b) => Binary(BinaryOp.Subtract, a, b);

    /// <summary>a * b, with the repetition of <see cref="Add"/>.</summary>
    public static Tensor Multiply(Tensor a, Tensor b) => Binary(BinaryOp.Multiply, a, b);

    /// <summary>a + scale * b for equal shapes.</summary>
    public static Tensor AddScaled(Tensor a, Tensor b, float scale)
    {
        SameBackend("AddScaled", a, b);
        if (a.Shape != b.Shape)
        {
            throw new ShapeException($"AddScaled: a {a.Shape}, b {b.Shape}");
        }
        if (a.Format != TensorFormat.Float)
        {
            return HalfAddScaled(a, b, scale);
        }
        var y = new Tensor(a.Backend, a.Shape);
        a.Backend.Elementwise.AddScaled(scale, a.Data, b.Data, y.Data);
        Tape.Of(a, b)?.Add("AddScaled", y, [a, b], dy => [dy.Share(), Affine(dy, scale)], scale);
        return y;
    }

    /// <summary>scale * x + offset</summary>
    public static Tensor Affine(Tensor x, float scale, float offset = 0)
    {
        var y = new Tensor(x.Backend, x.Shape);
        x.Backend.Elementwise.Affine(scale, offset, x.Data, y.Data);
        Tape.Of(x)?.Add("Affine", y, [x], dy => [Affine(dy, scale)], (scale, offset));
        return y;
    }

    /// <summary>f(x)</summary>
    public static Tensor Activate(Tensor x, Activation activation)
    {
        var y = new Tensor(x.Backend, x.Shape);
        x.Backend.Elementwise.Activate(activation, x.Data, y.Data);
        if (Tape.Of(x) is { } tape)
        {
            RecordActivate(tape, activation, x, y);
        }
        return y;
    }

    /// <summary>Adds one vector for each image to all of its tokens: x (B,N,D) + v (B,D).</summary>
    public static Tensor AddToTokens(Tensor x, Tensor v)
    {
        const string op = "AddToTokens";
        SameBackend(op, x, v);
        Rank(op, x, 3, "(B,N,D)");
        int batch = x.Shape[0], tokens = x.Shape[1], width = x.Shape[2];
        if (v.Shape != new Shape(batch, width))
        {
            throw new ShapeException($"{op}: x {x.Shape}, v {v.Shape}");
        }
        if (IsTokens(x))
        {
            return HalfAddToTokens(x, v);
        }
        var y = new Tensor(x.Backend, x.Shape);
        long image = (long)tokens * width;
        for (int b = 0; b < batch; b++)
        {
            x.Backend.Elementwise.Binary(BinaryOp.Add, Broadcast.Rows(tokens, width), x.Data.Part(b * image, image),
                v.Data.Part((long)b * width, width), y.Data.Part(b * image, image));
        }
        Tape.Of(x, v)?.Add(op, y, [x, v], dy => [dy.Share(), Sum(dy, batch, tokens, width, [batch, width])]);
        return y;
    }

    /// <summary>Adds one value for each channel: x (N,C,H,W) + v (C).</summary>
    public static Tensor AddToChannels(Tensor x, Tensor v)
    {
        const string op = "AddToChannels";
        SameBackend(op, x, v);
        Rank(op, x, 4, "(N,C,H,W)");
        var s = x.Shape;
        int images = s[0], channels = s[1], pixels = s[2] * s[3];
        if (v.Length != channels)
        {
            throw new ShapeException($"{op}: x {s}, v {v.Shape}");
        }
        var y = new Tensor(x.Backend, s);
        x.Backend.Elementwise.Binary(BinaryOp.Add, Broadcast.Channels(images, channels, pixels), x.Data, v.Data, y.Data);
        var shape = v.Shape;
        Tape.Of(x, v)?.Add(op, y, [x, v], dy =>
        {
            var byImage = Sum(dy, images * channels, pixels, 1, [images, channels]);
            return [dy.Share(), Sum(byImage, 1, images, channels, shape)];
        });
        return y;
    }

    private static Tensor Binary(BinaryOp op, Tensor a, Tensor b)
    {
        SameBackend(op.ToString(), a, b);
        if (a.Format != TensorFormat.Float)
        {
            return HalfBinary(op, a, b);
        }
        if (!IsTail(a.Shape, b.Shape))
        {
            throw new ShapeException($"{op}: b {b.Shape} is not the tail of a {a.Shape}");
        }
        var y = new Tensor(a.Backend, a.Shape);
        int tail = checked((int)b.Length);
        var broadcast = tail == a.Length ? Broadcast.Full(a.Length) : Broadcast.Rows(a.Length / tail, tail);
        a.Backend.Elementwise.Binary(op, broadcast, a.Data, b.Data, y.Data);
        if (Tape.Of(a, b) is { } tape)
        {
            RecordBinary(tape, op, a, b, y);
        }
        return y;
    }

    private static void RecordActivate(Tape tape, Activation activation, Tensor x, Tensor y)
    {
        var (input, result) = (tape.Save(x), tape.Save(y));
        tape.Add($"{activation}", y, [x], dy =>
        {
            var dx = new Tensor(dy.Backend, dy.Shape);
            dy.Backend.Elementwise.ActivateBackward(activation, input.Data, result.Data, dy.Data, dx.Data);
            return [dx];
        });
    }

    private static void RecordBinary(Tape tape, BinaryOp op, Tensor a, Tensor b, Tensor y)
    {
        bool wantsA = a.RequiresGradient, wantsB = b.RequiresGradient;
        var shape = b.Shape;
        int tail = checked((int)b.Length), rows = checked((int)(a.Length / tail));
        if (op != BinaryOp.Multiply)
        {
            tape.Add($"{op}", y, [a, b], dy => [wantsA ? dy.Share() : null, wantsB ? ForB(dy, op == BinaryOp.Add ? 1 : -1) : null]);
            return;
        }
        Tensor? left = wantsB ? tape.Save(a) : null, right = wantsA ? tape.Save(b) : null;
        tape.Add($"{op}", y, [a, b], dy =>
            [right is null ? null : Multiply(dy, right), left is null ? null : ForB(Multiply(dy, left), 1)]);

        Tensor ForB(Tensor d, float sign)
        {
            var sum = rows == 1 ? d.Share() : Sum(d, 1, rows, tail, shape);
            return sign == 1 ? sum.Reshape(shape) : Affine(sum, sign).Reshape(shape);
        }
    }

    /// <summary>Sum over the middle axis of x as (outer, axis, inner).</summary>
    private static Tensor Sum(Tensor x, int outer, int axis, int inner, Shape shape)
    {
        var y = new Tensor(x.Backend, shape);
        x.Backend.Reduction.Sum(outer, axis, inner, x.Data, y.Data);
        return y;
    }

    /// <summary>Whether b has the last axes of a; first axes of 1 do not count.</summary>
    private static bool IsTail(Shape a, Shape b)
    {
        int axes = b.Rank;
        while (axes > 0 && b[-axes] == 1)
        {
            axes--;
        }
        bool tail = b.Rank <= a.Rank;
        for (int i = 1; tail && i <= axes; i++)
        {
            tail = a[-i] == b[-i];
        }
        return tail;
    }
}
