namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>Average pooling of x (N,C,H,W) with stride = kernel, no padding: (N,C,H/kernel,W/kernel).</summary>
    public static Tensor AvgPool2d(Tensor x, int kernel)
    {
        Rank("AvgPool2d", x, 4, "(N,C,H,W)");
        var s = x.Shape;
        var y = new Tensor(x.Backend, [s[0], s[1], s[2] / kernel, s[3] / kernel]);
        x.Backend.Pooling.Forward(s[0] * s[1], s[2], s[3], kernel, x.Data, y.Data);
        return y;
    }

    /// <summary>Mean over the pixels of x (N,C,H,W): (N,C).</summary>
    public static Tensor GlobalMean(Tensor x)
    {
        Rank("GlobalMean", x, 4, "(N,C,H,W)");
        var s = x.Shape;
        var y = new Tensor(x.Backend, [s[0], s[1]]);
        x.Backend.Reduction.Mean(s[0] * s[1], s[2] * s[3], 1, x.Data, y.Data);
        return y;
    }
}
