using Tcm.Kernels;
using Tcm.Kernels.MatrixProduct;
using Tcm.Nn.Autograd;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>x w^T over the last axis of x (..., K), w (N,K), no bias: (..., N).</summary>
    public static Tensor Linear(Tensor x, Tensor w)
    {
        const string op = "Linear";
        SameBackend(op, x, w);
        Rank(op, w, 2, "(N,K)");
        int n = w.Shape[0], k = w.Shape[1];
        if (x.Shape.Rank < 1 || x.Shape[-1] != k)
        {
            throw new ShapeException($"{op}: x {x.Shape}, w {w.Shape}");
        }
        int rows = checked((int)(x.Length / k));
        int[] sizes = x.Shape.ToArray();
        sizes[^1] = n;
        var y = new Tensor(x.Backend, new Shape(sizes));
        x.Backend.MatrixProduct.Multiply(new MatrixShape(1, rows, n, k, false, true, 0, 0, 0), x.Data, w.Data, y.Data);
        if (Tape.Of(x, w) is { } tape)
        {
            RecordLinear(tape, x, w, y, rows);
        }
        return y;
    }

    private static void RecordLinear(Tape tape, Tensor x, Tensor w, Tensor y, int rows)
    {
        Tensor? input = w.RequiresGradient ? tape.Save(x) : null, weight = x.RequiresGradient ? tape.Save(w) : null;
        var (xShape, wShape) = (x.Shape, w.Shape);
        int n = wShape[0], k = wShape[1];
        tape.Add("Linear", y, [x, w], dy =>
        {
            var gradients = new Tensor?[2];
            var product = dy.Backend.MatrixProduct;
            if (weight is not null)
            {
                gradients[0] = new Tensor(dy.Backend, xShape);
                product.Multiply(new MatrixShape(1, rows, k, n, false, false, 0, 0, 0), dy.Data, weight.Data, gradients[0]!.Data);
            }
            if (input is not null)
            {
                gradients[1] = new Tensor(dy.Backend, wShape);
                product.Multiply(new MatrixShape(1, n, k, rows, true, false, 0, 0, 0), dy.Data, input.Data, gradients[1]!.Data);
            }
            return gradients;
        });
    }
}
