using Tcm.Kernels;
using Tcm.Kernels.MatrixProduct;

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
        return y;
    }
}
