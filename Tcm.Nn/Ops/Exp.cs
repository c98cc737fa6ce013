using Tcm.Kernels;
using Tcm.Nn.Autograd;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>The exponential of one number, computed on the host: for learned scales.</summary>
    public static Tensor Exp(Tensor x)
    {
        if (x.Length != 1)
        {
            throw new ShapeException($"Exp: x {x.Shape}, expected one number");
        }
        float value = MathF.Exp(x.ToArray()[0]);
        var y = Tensor.From(x.Backend, [value], x.Shape);
        Tape.Of(x)?.Add("Exp", y, [x], dy => [Affine(dy, value)]);
        return y;
    }
}
