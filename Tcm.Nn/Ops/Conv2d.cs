using Tcm.Kernels;
using Tcm.Kernels.Convolution;
using Tcm.Nn.Autograd;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>Convolution of x (N,C,H,W) with w (K,C/groups,R,S), no bias: (N,K,P,Q).</summary>
    public static Tensor Conv2d(Tensor x, Tensor w, int stride = 1, int padding = 0, int groups = 1)
    {
        const string op = "Conv2d";
        SameBackend(op, x, w);
        Rank(op, x, 4, "(N,C,H,W)");
        Rank(op, w, 4, "(K,C/groups,R,S)");
        var (s, f) = (x.Shape, w.Shape);
        if (f[1] * groups != s[1] || f[0] % groups != 0 || s[2] + 2 * padding < f[2] || s[3] + 2 * padding < f[3])
        {
            throw new ShapeException($"{op}: x {s}, w {f}, {groups} groups, padding {padding}");
        }
        var shape = new Conv2dShape(new Conv2dFilter(s[1], f[0], f[2], f[3], stride, padding, groups),
            new ImageBatch(s[0], s[2], s[3]));
        var y = new Tensor(x.Backend, [s[0], f[0], shape.P, shape.Q]);
        x.Backend.Convolution.Forward(shape, x.Data, w.Data, y.Data);
        if (Tape.Of(x, w) is { } tape)
        {
            RecordConv2d(tape, shape, x, w, y);
        }
        return y;
    }

    /// <summary>
    /// Transposed convolution with kernel 2x2 and stride 2 of x (N,C,H,W) with w (C,K,2,2), no bias: (N,K,2H,2W). It is the
    /// input gradient of the convolution with the same weights, whose gradients are therefore its own.
    /// </summary>
    public static Tensor ConvTranspose2d(Tensor x, Tensor w)
    {
        const string op = "ConvTranspose2d";
        SameBackend(op, x, w);
        Rank(op, x, 4, "(N,C,H,W)");
        var (s, f) = (x.Shape, w.Shape);
        if (f.Rank != 4 || f[0] != s[1] || f[2] != 2 || f[3] != 2)
        {
            throw new ShapeException($"{op}: x {s}, w {f}, expected (C,K,2,2)");
        }
        var shape = new Conv2dShape(new Conv2dFilter(f[1], f[0], 2, 2, 2), new ImageBatch(s[0], 2 * s[2], 2 * s[3]));
        var y = new Tensor(x.Backend, [s[0], f[1], 2 * s[2], 2 * s[3]]);
        x.Backend.Convolution.InputGradient(shape, x.Data, w.Data, y.Data);
        if (Tape.Of(x, w) is { } tape)
        {
            RecordConvTranspose2d(tape, shape, x, w, y);
        }
        return y;
    }

    private static void RecordConv2d(Tape tape, Conv2dShape shape, Tensor x, Tensor w, Tensor y)
    {
        Tensor? input = w.RequiresGradient ? tape.Save(x) : null;
        Tensor? filter = x.RequiresGradient ? tape.Save(w) : null;
        var (xShape, wShape) = (x.Shape, w.Shape);
        tape.Add("Conv2d", y, [x, w], dy =>
        {
            var gradients = new Tensor?[2];
            if (filter is not null)
            {
                gradients[0] = new Tensor(dy.Backend, xShape);
                dy.Backend.Convolution.InputGradient(shape, dy.Data, filter.Data, gradients[0]!.Data);
            }
            if (input is not null)
            {
                gradients[1] = new Tensor(dy.Backend, wShape);
                dy.Backend.Convolution.WeightGradient(shape, input.Data, dy.Data, gradients[1]!.Data);
            }
            return gradients;
        }, shape.Filter);
    }

    private static void RecordConvTranspose2d(Tape tape, Conv2dShape shape, Tensor x, Tensor w, Tensor y)
    {
        Tensor? input = w.RequiresGradient ? tape.Save(x) : null;
        Tensor? filter = x.RequiresGradient ? tape.Save(w) : null;
        var (xShape, wShape) = (x.Shape, w.Shape);
        tape.Add("ConvTranspose2d", y, [x, w], dy =>
        {
            var gradients = new Tensor?[2];
            if (filter is not null)
            {
                gradients[0] = new Tensor(dy.Backend, xShape);
                dy.Backend.Convolution.Forward(shape, dy.Data, filter.Data, gradients[0]!.Data);
            }
            if (input is not null)
            {
                gradients[1] = new Tensor(dy.Backend, wShape);
                dy.Backend.Convolution.WeightGradient(shape, dy.Data, input.Data, gradients[1]!.Data);
            }
            return gradients;
        });
    }
}
