using Tcm.Kernels.Elementwise;
using Tcm.Nn;
using Tcm.Nn.Autograd;

namespace Tcm.Tests.Docs;

/// <summary>The first example of docs/adding.md.</summary>
internal static class SquareOperation
{
    /// <summary>x², value by value; the result has x's shape.</summary>
    public static Tensor Square(Tensor x)
    {
        var y = new Tensor(x.Backend, x.Shape);
        x.Backend.Elementwise.Binary(BinaryOp.Multiply, Broadcast.Full(x.Length), x.Data, x.Data, y.Data);
        if (Tape.Of(x) is { } tape)              // null unless a tape records and a parameter influences x
        {
            Record(tape, x, y);
        }
        return y;
    }

    private static void Record(Tape tape, Tensor x, Tensor y)
    {
        var saved = tape.Save(x);                // x itself may be overwritten before the gradient is computed
        tape.Add("Square", y, [x], dy => [Functional.Multiply(Functional.Affine(saved, 2), dy)]);
    }
}
