using Tcm.Kernels;
using Tcm.Kernels.MatrixProduct;
using Tcm.Nn.Autograd;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>a (B,M,K) times b (B,K,N), or b (B,N,K) with <paramref name="transposeB"/>: (B,M,N).</summary>
    public static Tensor MatMul(Tensor a, Tensor b, bool transposeB = false)
    {
        const string op = "MatMul";
        SameBackend(op, a, b);
        Rank(op, a, 3, "(B,M,K)");
        Rank(op, b, 3, transposeB ? "(B,N,K)" : "(B,K,N)");
        int batch = a.Shape[0], m = a.Shape[1], k = a.Shape[2];
        int n = b.Shape[transposeB ? 1 : 2];
        if (b.Shape[0] != batch || b.Shape[transposeB ? 2 : 1] != k)
        {
            throw new ShapeException($"{op}: a {a.Shape}, b {b.Shape}{(transposeB ? " transposed" : "")}");
        }
        var y = new Tensor(a.Backend, [batch, m, n]);
        a.Backend.MatrixProduct.Multiply(
            new MatrixShape(batch, m, n, k, false, transposeB, (long)m * k, (long)k * n, (long)m * n), a.Data, b.Data, y.Data);
        if (Tape.Of(a, b) is { } tape)
        {
            RecordMatMul(tape, a, b, y, transposeB);
        }
        return y;
    }

    private static void RecordMatMul(Tape tape, Tensor a, Tensor b, Tensor y, bool transposeB)
    {
        Tensor? left = b.RequiresGradient ? tape.Save(a) : null, right = a.RequiresGradient ? tape.Save(b) : null;
        tape.Add("MatMul", y, [a, b], dy =>
        [
            right is null ? null : Product(dy, right, false, !transposeB),
            left is null ? null : transposeB ? Product(dy, left, true, false) : Product(left, dy, true, false),
        ], transposeB);
    }

    /// <summary>op(a) op(b) for each matrix of a batch, with any transposes.</summary>
    private static Tensor Product(Tensor a, Tensor b, bool transposeA, bool transposeB)
    {
        int batch = a.Shape[0], m = a.Shape[transposeA ? 2 : 1], k = a.Shape[transposeA ? 1 : 2];
        int n = b.Shape[transposeB ? 1 : 2];
        var y = new Tensor(a.Backend, [batch, m, n]);
        a.Backend.MatrixProduct.Multiply(new MatrixShape(batch, m, n, k, transposeA, transposeB, (long)m * k, (long)k * n,
            (long)m * n), a.Data, b.Data, y.Data);
        return y;
    }
}
