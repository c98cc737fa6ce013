using Tcm.Kernels;
using Tcm.Kernels.Elementwise;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>a + b; b has a's shape, or the shape of a's last axes and is repeated over the first ones.</summary>
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
        var y = new Tensor(a.Backend, a.Shape);
        a.Backend.Elementwise.AddScaled(scale, a.Data, b.Data, y.Data);
        return y;
    }

    /// <summary>scale * x + offset</summary>
    public static Tensor Affine(Tensor x, float scale, float offset = 0)
    {
        var y = new Tensor(x.Backend, x.Shape);
        x.Backend.Elementwise.Affine(scale, offset, x.Data, y.Data);
        return y;
    }

    /// <summary>f(x)</summary>
    public static Tensor Activate(Tensor x, Activation activation)
    {
        var y = new Tensor(x.Backend, x.Shape);
        x.Backend.Elementwise.Activate(activation, x.Data, y.Data);
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
        var y = new Tensor(x.Backend, x.Shape);
        long image = (long)tokens * width;
        for (int b = 0; b < batch; b++)
        {
            x.Backend.Elementwise.Binary(BinaryOp.Add, Broadcast.Rows(tokens, width), x.Data.Part(b * image, image),
                v.Data.Part((long)b * width, width), y.Data.Part(b * image, image));
        }
        return y;
    }

    private static Tensor Binary(BinaryOp op, Tensor a, Tensor b)
    {
        SameBackend(op.ToString(), a, b);
        if (!IsTail(a.Shape, b.Shape))
        {
            throw new ShapeException($"{op}: b {b.Shape} is not the tail of a {a.Shape}");
        }
        var y = new Tensor(a.Backend, a.Shape);
        int tail = checked((int)b.Length);
        var broadcast = tail == a.Length ? Broadcast.Full(a.Length) : Broadcast.Rows(a.Length / tail, tail);
        a.Backend.Elementwise.Binary(op, broadcast, a.Data, b.Data, y.Data);
        return y;
    }

    private static bool IsTail(Shape a, Shape b)
    {
        for (int i = 1; i <= b.Rank; i++)
        {
            if (i > a.Rank || a[-i] != b[-i])
            {
                return false;
            }
        }
        return true;
    }
}
