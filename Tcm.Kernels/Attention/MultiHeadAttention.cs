namespace Tcm.Kernels.Attention;

/// <summary>
/// Shape of multi-head attention over token-major tensors. Head h of a token uses floats [h*HeadDim, (h+1)*HeadDim) of its
/// row. Row strides let q, k and v be parts of one packed projection (row stride 3*Heads*HeadDim). The rows of a batch
/// follow each other: q of batch b starts at b*Queries*QueryStride, k at b*Keys*KeyStride, and so on.
/// </summary>
/// <param name="Batch">Independent sequences.</param>
/// <param name="Heads">Heads.</param>
/// <param name="Queries">Query tokens of a sequence.</param>
/// <param name="Keys">Key and value tokens of a sequence.</param>
/// <param name="HeadDim">Width of a head.</param>
/// <param name="Scale">Factor of q·k, usually HeadDim^-0.5.</param>
/// <param name="Causal">Query i sees keys 0..i only (needs Queries == Keys).</param>
/// <param name="QueryStride">Floats between rows of q.</param>
/// <param name="KeyStride">Floats between rows of k.</param>
/// <param name="ValueStride">Floats between rows of v.</param>
public readonly record struct AttentionShape(int Batch, int Heads, int Queries, int Keys, int HeadDim, float Scale, bool Causal,
    int QueryStride, int KeyStride, int ValueStride)
{
    /// <summary>Width of a token: Heads * HeadDim, the row stride of the result.</summary>
    public int Width => Heads * HeadDim;

    /// <summary>Multiply-adds of q k^T and of the product with v.</summary>
    public long MultiplyAdds => 2L * Batch * Heads * Queries * Keys * HeadDim;
}

/// <summary>y = softmax(scale * q k^T + mask) v for every head. Thread-safe as far as its backend is.</summary>
public abstract partial class MultiHeadAttention
{
    // Only Tcm derives from it, so that members can be added.
    private protected MultiHeadAttention() { }

    /// <summary>Computes attention; y is (Batch, Queries, Heads*HeadDim), contiguous.</summary>
    public void Forward(AttentionShape shape, Slice q, Slice k, Slice v, Slice y)
    {
        const string op = "Attention";
        CheckShape(op, shape);
        Check.Length(op, "q", q, ((long)shape.Batch * shape.Queries - 1) * shape.QueryStride + shape.Width);
        Check.Length(op, "k", k, ((long)shape.Batch * shape.Keys - 1) * shape.KeyStride + shape.Width);
        Check.Length(op, "v", v, ((long)shape.Batch * shape.Keys - 1) * shape.ValueStride + shape.Width);
        Check.Length(op, "y", y, (long)shape.Batch * shape.Queries * shape.Width);
        Backend.CountMultiplyAdds(shape.MultiplyAdds);
        ForwardCore(shape, q, k, v, y);
    }

    internal static void CheckShape(string op, AttentionShape shape) => Check.That(shape.Batch > 0 && shape.Heads > 0
        && shape.Queries > 0 && shape.Keys > 0 && shape.HeadDim > 0 && (!shape.Causal || shape.Queries == shape.Keys)
        && Math.Min(shape.QueryStride, Math.Min(shape.KeyStride, shape.ValueStride)) >= shape.Width,
        $"{op}: impossible shape {shape}");

    private protected abstract void ForwardCore(AttentionShape shape, Slice q, Slice k, Slice v, Slice y);
}
