using Tcm.Kernels.Attention;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.HalfImages;

// What tokens need besides the operations of images.
public abstract partial class HalfImageOperations
{
    /// <summary>The mean over the pixels of each image: y (N,C,1,1).</summary>
    public void Mean(HalfShape shape, Slice x, Slice y)
    {
        const string op = "GlobalMean";
        CheckImages(op, "x", shape, x);
        CheckImages(op, "y", shape with { H = 1, W = 1 }, y);
        MeanCore(shape, x, y);
    }

    /// <summary>As <see cref="MatrixProducts.Linear"/>, a pixel a row.</summary>
    /// <param name="matrix">From the same backend, prepared in <see cref="Precision.Fp16"/>.</param>
    /// <param name="shape">Shape of x, whose channels are the matrix' K.</param>
    /// <param name="x">The rows.</param>
    /// <param name="y">As many, of the matrix' N channels.</param>
    /// <param name="residual">Added before the activation; may be y.</param>
    public void Linear(PreparedMatrix matrix, HalfShape shape, Slice x, Slice y, Slice? residual = null)
    {
        const string op = "Linear";
        Check.That(shape.C == matrix.K, $"{op}: x {shape}, weight ({matrix.N},{matrix.K})");
        CheckImages(op, "x", shape, x);
        CheckImages(op, "y", shape with { C = matrix.N }, y);
        if (residual is { } r)
        {
            CheckImages(op, "residual", shape with { C = matrix.N }, r);
        }
        Backend.CountMultiplyAdds(shape.Pixels * matrix.N * matrix.K);
        LinearCore(matrix, shape, x, y, residual);
    }

    /// <summary>
    /// Normalises each pixel's channels to mean 0 and variance 1, then scales by gamma and shifts by beta, C floats each.
    /// </summary>
    public void LayerNorm(HalfShape shape, float eps, Slice x, Slice gamma, Slice beta, Slice y)
    {
        const string op = "LayerNorm";
        CheckImages(op, "x", shape, x);
        CheckImages(op, "y", shape, y);
        Check.Length(op, "gamma", gamma, shape.C);
        Check.Length(op, "beta", beta, shape.C);
        Check.That((gamma.Offset | beta.Offset) % 4 == 0, $"{op}: gamma at float {gamma.Offset}, beta at {beta.Offset}");
        LayerNormCore(shape, eps, x, gamma, beta, y);
    }

    /// <summary>
    /// As <see cref="MultiHeadAttention.Forward"/>; scores and softmax are FP32. Strides count halves. Strides and the width of a
    /// token are multiples of 8, and slices begin with a chunk.
    /// </summary>
    public void Attention(AttentionShape shape, Slice q, Slice k, Slice v, Slice y)
    {
        const string op = "Attention";
        MultiHeadAttention.CheckShape(op, shape);
        Check.That((shape.Width | shape.QueryStride | shape.KeyStride | shape.ValueStride) % 8 == 0
            && (q.Offset | k.Offset | v.Offset | y.Offset) % 4 == 0, $"{op}: {shape} in chunks of eight halves");
        Check.Length(op, "q", q, (((long)shape.Batch * shape.Queries - 1) * shape.QueryStride + shape.Width) / 2);
        Check.Length(op, "k", k, (((long)shape.Batch * shape.Keys - 1) * shape.KeyStride + shape.Width) / 2);
        Check.Length(op, "v", v, (((long)shape.Batch * shape.Keys - 1) * shape.ValueStride + shape.Width) / 2);
        Check.Length(op, "y", y, (long)shape.Batch * shape.Queries * shape.Width / 2);
        Backend.CountMultiplyAdds(shape.MultiplyAdds);
        AttentionCore(shape, q, k, v, y);
    }

    /// <summary>
    /// Cosines in FP32: y (N,H,W), floats, of each pixel of x with its image's vector t (N,C,1,1). A length below
    /// <paramref name="eps"/> counts as that.
    /// </summary>
    public void Cosine(HalfShape shape, float eps, Slice t, Slice x, Slice y)
    {
        const string op = "Cosine";
        CheckImages(op, "t", shape with { H = 1, W = 1 }, t);
        CheckImages(op, "x", shape, x);
        Check.Length(op, "y", y, shape.Pixels);
        Backend.CountMultiplyAdds(shape.Pixels * shape.C);
        CosineCore(shape, eps, t, x, y);
    }

    private protected abstract void MeanCore(HalfShape shape, Slice x, Slice y);

    private protected abstract void LinearCore(PreparedMatrix matrix, HalfShape shape, Slice x, Slice y, Slice? residual);

    private protected abstract void LayerNormCore(HalfShape shape, float eps, Slice x, Slice gamma, Slice beta, Slice y);

    private protected abstract void AttentionCore(AttentionShape shape, Slice q, Slice k, Slice v, Slice y);

    private protected abstract void CosineCore(HalfShape shape, float eps, Slice t, Slice x, Slice y);
}
