using Tcm.Kernels.Elementwise;
using Tcm.Nn.Autograd;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>Average pooling of x (N,C,H,W) with stride = kernel, no padding: (N,C,H/kernel,W/kernel).</summary>
    public static Tensor AvgPool2d(Tensor x, int kernel)
    {
        Rank("AvgPool2d", x, 4, "(N,C,H,W)");
        if (IsHalf(x))
        {
            return HalfAvgPool2d(x, kernel);
        }
        var s = x.Shape;
        var y = new Tensor(x.Backend, [s[0], s[1], s[2] / kernel, s[3] / kernel]);
        x.Backend.Pooling.Forward(s[0] * s[1], s[2], s[3], kernel, x.Data, y.Data);
        if (Tape.Of(x) is { } tape)
        {
            RecordAvgPool2d(tape, x, y, kernel);
        }
        return y;
    }

    /// <summary>Mean over the pixels of x (N,C,H,W): (N,C), tokens.</summary>
    public static Tensor GlobalMean(Tensor x)
    {
        Rank("GlobalMean", x, 4, "(N,C,H,W)");
        if (IsHalf(x))
        {
            return HalfGlobalMean(x);
        }
        var s = x.Shape;
        var y = new Tensor(x.Backend, [s[0], s[1]]);
        x.Backend.Reduction.Mean(s[0] * s[1], s[2] * s[3], 1, x.Data, y.Data);
        if (Tape.Of(x) is { } tape)
        {
            RecordGlobalMean(tape, x, y);
        }
        return y;
    }

    private static void RecordAvgPool2d(Tape tape, Tensor x, Tensor y, int kernel)
    {
        var s = x.Shape;
        tape.Add("AvgPool2d", y, [x], dy =>
        {
            var dx = new Tensor(dy.Backend, s);
            dy.Backend.Pooling.Backward(s[0] * s[1], s[2], s[3], kernel, dy.Data, dx.Data);
            return [dx];
        }, kernel);
    }

    private static void RecordGlobalMean(Tape tape, Tensor x, Tensor y)
    {
        var s = x.Shape;
        tape.Add("GlobalMean", y, [x], dy =>
        {
            var dx = new Tensor(dy.Backend, s);
            var share = Affine(dy, 1f / (s[2] * s[3]));
            dy.Backend.Fill(dx.Data, 0);
            dy.Backend.Elementwise.Binary(BinaryOp.Add, Broadcast.Channels(1, s[0] * s[1], s[2] * s[3]), dx.Data, share.Data,
                dx.Data);
            return [dx];
        });
    }
}
