using Tcm.Kernels;
using Tcm.Kernels.Attention;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.HalfImages;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Nn;

// Half-precision tokens: what the operations on tokens do with them. No gradients.
public static partial class Functional
{
    private static bool IsTokens(Tensor x) => x.Format == TensorFormat.HalfTokens;

    /// <summary>a + b or a * b for images and for tokens, with the repetition of b.</summary>
    private static Tensor HalfBinary(BinaryOp op, Tensor a, Tensor b)
    {
        var (shape, shapeB) = (a.HalfShape, RepeatedShape($"{op}", a, b));
        var y = new Tensor(a.Backend, a.Shape, a.Format);
        if (op == BinaryOp.Multiply)
        {
            HalfOf(a.Backend).Multiply(shape, shapeB, a.RawData, b.RawData, y.RawData);
        }
        else if (op == BinaryOp.Add)
        {
            HalfOf(a.Backend).Add(shape, shapeB, a.RawData, b.RawData, y.RawData);
        }
        else
        {
            throw new ShapeException($"{op}: a {a.Shape} has no version for {a.Format}");
        }
        return y;
    }

    /// <summary>The shape of a, of one of its images, or of one of its pixels: what b, a tail of a, is.</summary>
    private static HalfShape RepeatedShape(string op, Tensor a, Tensor b)
    {
        var s = a.HalfShape;
        long rows = b.Length / s.C;
        return a.Format != b.Format || !IsTail(a.Shape, b.Shape)
            ? throw new ShapeException($"{op}: a {a.Shape} {a.Format}, b {b.Shape} {b.Format}")
            : rows == s.Pixels ? s
            : rows == s.H * s.W ? s with { N = 1 }
            : rows == 1 ? new HalfShape(1, s.C, 1, 1)
            : throw new ShapeException($"{op}: b {b.Shape} is neither one image of a {a.Shape} nor one pixel, as {a.Format}");
    }

    private static Tensor HalfAddScaled(Tensor a, Tensor b, float scale)
    {
        var y = new Tensor(a.Backend, a.Shape, a.Format);
        HalfOf(a.Backend).Add(a.HalfShape, RepeatedShape("AddScaled", a, b), a.RawData, b.RawData, y.RawData, scale);
        return y;
    }

    private static Tensor HalfAddToTokens(Tensor x, Tensor v)
    {
        using var scope = TensorScope.Begin();
        var y = new Tensor(x.Backend, x.Shape, TensorFormat.HalfTokens);
        HalfOf(x.Backend).Add(x.HalfShape, x.HalfShape with { H = 1, W = 1 }, x.RawData, ToHalfTokens(v).RawData, y.RawData);
        return scope.Keep(y);
    }

    private static Tensor HalfGlobalMean(Tensor x)
    {
        var y = new Tensor(x.Backend, [x.Shape[0], x.Shape[1]], TensorFormat.HalfTokens);
        HalfOf(x.Backend).Mean(x.HalfShape, x.RawData, y.RawData);
        return y;
    }

    private static Tensor HalfLayerNorm(Tensor x, Tensor gamma, Tensor beta, float eps)
    {
        var y = new Tensor(x.Backend, x.Shape, TensorFormat.HalfTokens);
        HalfOf(x.Backend).LayerNorm(x.HalfShape, eps, x.RawData, gamma.Data, beta.Data, y.RawData);
        return y;
    }

    /// <summary>A prepared linear layer on tokens.</summary>
    internal static Tensor HalfLinear(PreparedMatrix matrix, Tensor x, Tensor? residual, Shape shape)
    {
        using var scope = TensorScope.Begin();
        var y = new Tensor(x.Backend, shape, TensorFormat.HalfTokens);
        HalfOf(x.Backend).Linear(matrix, x.HalfShape, x.RawData, y.RawData,
            residual is null ? null : ToHalfTokens(residual).RawData);
        return scope.Keep(y);
    }

    /// <summary>Keys and values begin at these halves of a row of kv, which may be q.</summary>
    private static Tensor HalfAttention(AttentionShape shape, Tensor q, Tensor kv, int keys, int values)
    {
        var y = new Tensor(q.Backend, [shape.Batch, shape.Queries, shape.Width], TensorFormat.HalfTokens);
        var data = kv.RawData;
        HalfOf(q.Backend).Attention(shape, q.RawData, data.Part(keys / 2, data.Length - keys / 2),
            data.Part(values / 2, data.Length - values / 2), y.RawData);
        return y;
    }

    private static Tensor HalfCosine(Tensor t, Tensor x, float eps)
    {
        var y = new Tensor(x.Backend, [x.Shape[0], 1, x.Shape[1]]);
        HalfOf(x.Backend).Cosine(x.HalfShape, eps, t.RawData, x.RawData, y.Data);
        return y;
    }

    /// <summary>Axis 1 of tokens is copied as that of floats, a row of words for a row of values; that of images is not.</summary>
    private static void HasRows(string op, Tensor x)
    {
        if (IsHalf(x) || (IsTokens(x) && x.Shape.Rank < 3))
        {
            throw new ShapeException($"{op}: axis 1 of {x.Shape} has no version for {x.Format}; see Functional.ToFloat");
        }
    }
}
