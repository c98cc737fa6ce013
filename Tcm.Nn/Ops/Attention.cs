using Tcm.Kernels;
using Tcm.Kernels.Attention;
using Tcm.Nn.Autograd;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>
    /// Multi-head self-attention over a packed projection: qkv (B,N,3*D) holds q, k and v of each token beside each other;
    /// the result is (B,N,D). Scale is (D/heads)^-0.5.
    /// </summary>
    public static Tensor PackedAttention(Tensor qkv, int heads, bool causal = false)
    {
        const string op = "Attention";
        Rank(op, qkv, 3, "(B,N,3*D)");
        int batch = qkv.Shape[0], tokens = qkv.Shape[1], width = qkv.Shape[2] / 3;
        if (width * 3 != qkv.Shape[2] || width % heads != 0)
        {
            throw new ShapeException($"{op}: qkv {qkv.Shape} cannot be divided into q, k, v of {heads} heads");
        }
        var shape = new AttentionShape(batch, heads, tokens, tokens, width / heads, 1 / MathF.Sqrt(width / heads), causal,
            3 * width, 3 * width, 3 * width);
        if (IsTokens(qkv))
        {
            using var scope = TensorScope.Begin();
            // Widths that no trained model has: parts of a row would begin within a chunk of eight halves.
            return scope.Keep(width % 8 == 0 ? HalfAttention(shape, qkv, qkv, width, 2 * width)
                : ToHalfTokens(PackedAttention(ToFloat(qkv), heads, causal)));
        }
        var y = new Tensor(qkv.Backend, [batch, tokens, width]);
        var data = qkv.Data;
        qkv.Backend.Attention.Forward(shape, data, data.Part(width, data.Length - width),
            data.Part(2 * width, data.Length - 2 * width), y.Data);
        if (Tape.Of(qkv) is { } tape)
        {
            RecordPackedAttention(tape, shape, qkv, y);
        }
        return y;
    }

    /// <summary>
    /// Multi-head cross-attention: q (B,Nq,D), and kv (B,Nk,2*D) with k and v of each token beside each other; (B,Nq,D).
    /// </summary>
    public static Tensor CrossAttention(Tensor q, Tensor kv, int heads)
    {
        const string op = "Attention";
        SameBackend(op, q, kv);
        Rank(op, q, 3, "(B,Nq,D)");
        Rank(op, kv, 3, "(B,Nk,2*D)");
        int width = q.Shape[2];
        if (kv.Shape[0] != q.Shape[0] || kv.Shape[2] != 2 * width || width % heads != 0)
        {
            throw new ShapeException($"{op}: q {q.Shape}, kv {kv.Shape}, {heads} heads");
        }
        var shape = new AttentionShape(q.Shape[0], heads, q.Shape[1], kv.Shape[1], width / heads,
            1 / MathF.Sqrt(width / heads), false, width, 2 * width, 2 * width);
        if (IsTokens(q) && IsTokens(kv))
        {
            using var scope = TensorScope.Begin();
            return scope.Keep(width % 8 == 0 ? HalfAttention(shape, q, kv, 0, width)
                : ToHalfTokens(CrossAttention(ToFloat(q), ToFloat(kv), heads)));
        }
        var y = new Tensor(q.Backend, q.Shape);
        q.Backend.Attention.Forward(shape, q.Data, kv.Data, kv.Data.Part(width, kv.Length - width), y.Data);
        if (Tape.Of(q, kv) is { } tape)
        {
            RecordCrossAttention(tape, shape, q, kv, y);
        }
        return y;
    }

    private static void RecordPackedAttention(Tape tape, AttentionShape shape, Tensor qkv, Tensor y)
    {
        var saved = tape.Save(qkv);
        tape.Add("Attention", y, [qkv], dy =>
        {
            var gradient = new Tensor(dy.Backend, saved.Shape);
            Slice x = saved.Data, d = gradient.Data;
            dy.Backend.Attention.Backward(shape, x, From(x, 1), From(x, 2), dy.Data, d, From(d, 1), From(d, 2));
            return [gradient];
        }, shape);

        Slice From(Slice packed, int part) => packed.Part(part * shape.Width, packed.Length - part * shape.Width);
    }

    private static void RecordCrossAttention(Tape tape, AttentionShape shape, Tensor q, Tensor kv, Tensor y)
    {
        var (query, keyValue) = (tape.Save(q), tape.Save(kv));
        tape.Add("Attention", y, [q, kv], dy =>
        {
            Tensor dq = new(dy.Backend, query.Shape), dkv = new(dy.Backend, keyValue.Shape);
            long rest = dkv.Length - shape.Width;
            dy.Backend.Attention.Backward(shape, query.Data, keyValue.Data, keyValue.Data.Part(shape.Width, rest), dy.Data, dq.Data,
                dkv.Data, dkv.Data.Part(shape.Width, rest));
            return [dq, dkv];
        }, shape);
    }
}
