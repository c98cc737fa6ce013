namespace Tcm.Kernels.Attention;

public abstract partial class MultiHeadAttention
{
    /// <summary>
    /// Gradients of <see cref="Forward"/>. The softmax is computed again, so nothing but q, k and v has to be kept. dq, dk and
    /// dv have the layout (and row strides) of q, k and v, and are overwritten.
    /// </summary>
    /// <param name="shape">The shape of the forward pass.</param>
    /// <param name="q">(Batch, Queries, ...) with row stride QueryStride</param>
    /// <param name="k">(Batch, Keys, ...) with row stride KeyStride</param>
    /// <param name="v">(Batch, Keys, ...) with row stride ValueStride</param>
    /// <param name="dy">(Batch, Queries, Heads*HeadDim), contiguous</param>
    /// <param name="dq">As q.</param>
    /// <param name="dk">As k.</param>
    /// <param name="dv">As v.</param>
    public void Backward(AttentionShape shape, Slice q, Slice k, Slice v, Slice dy, Slice dq, Slice dk, Slice dv)
    {
        const string op = "Attention gradient";
        CheckShape(op, shape);
        foreach (var (name, slice) in (ReadOnlySpan<(string, Slice)>)[("q", q), ("dq", dq)])
        {
            Check.Length(op, name, slice, ((long)shape.Batch * shape.Queries - 1) * shape.QueryStride + shape.Width);
        }
        foreach (var (name, slice) in (ReadOnlySpan<(string, Slice)>)[("k", k), ("dk", dk)])
        {
            Check.Length(op, name, slice, ((long)shape.Batch * shape.Keys - 1) * shape.KeyStride + shape.Width);
        }
        foreach (var (name, slice) in (ReadOnlySpan<(string, Slice)>)[("v", v), ("dv", dv)])
        {
            Check.Length(op, name, slice, ((long)shape.Batch * shape.Keys - 1) * shape.ValueStride + shape.Width);
        }
        Check.Length(op, "dy", dy, (long)shape.Batch * shape.Queries * shape.Width);
        Backend.CountMultiplyAdds(shape.MultiplyAdds * 5 / 2);
        BackwardCore(shape, q, k, v, dy, dq, dk, dv);
    }

    private protected abstract void BackwardCore(AttentionShape shape, Slice q, Slice k, Slice v, Slice dy, Slice dq, Slice dk,
        Slice dv);
}
