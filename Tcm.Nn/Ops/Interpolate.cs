using Tcm.Kernels;
using Tcm.Kernels.Resampling;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>Resizes x (N,C,H,W) to <paramref name="height"/> x <paramref name="width"/>.</summary>
    public static Tensor Interpolate(Tensor x, int height, int width, ResizeMode mode)
    {
        Rank("Interpolate", x, 4, "(N,C,H,W)");
        var s = x.Shape;
        var y = new Tensor(x.Backend, [s[0], s[1], height, width]);
        x.Backend.Resampling.Resize(mode, new ResizeShape(s[0], s[1], s[2], s[3], height, width), x.Data, y.Data);
        return y;
    }

    /// <summary>
    /// Adds x, resized to the size of <paramref name="sum"/>, to <paramref name="sum"/> in place and returns it: the
    /// top-down step of a feature pyramid without a temporary. For inference; a recorded graph uses the two operations.
    /// </summary>
    public static Tensor AddUpsampled(Tensor sum, Tensor x, ResizeMode mode)
    {
        const string op = "AddUpsampled";
        SameBackend(op, sum, x);
        Rank(op, x, 4, "(N,C,H,W)");
        Rank(op, sum, 4, "(N,C,H,W)");
        var (s, t) = (x.Shape, sum.Shape);
        if (s[0] != t[0] || s[1] != t[1])
        {
            throw new ShapeException($"{op}: sum {t}, x {s}");
        }
        x.Backend.Resampling.Resize(mode, new ResizeShape(s[0], s[1], s[2], s[3], t[2], t[3]), x.Data, sum.Data, true);
        return sum;
    }

    /// <summary>
    /// Resizes every x (N,C_i,H_i,W_i) to <paramref name="height"/> x <paramref name="width"/> and concatenates them along
    /// the channels: (N, sum of C_i, height, width).
    /// </summary>
    public static Tensor ConcatResized(ReadOnlySpan<Tensor> parts, int height, int width, ResizeMode mode)
    {
        int n = parts[0].Shape[0], channels = 0;
        foreach (var x in parts)
        {
            Rank("ConcatResized", x, 4, "(N,C,H,W)");
            SameBackend("ConcatResized", x, parts[0]);
            channels += x.Shape[1];
        }
        var y = new Tensor(parts[0].Backend, [n, channels, height, width]);
        long image = (long)channels * height * width;
        long offset = 0;
        foreach (var x in parts)
        {
            var s = x.Shape;
            var target = y.Data.Part(offset, y.Length - offset);
            x.Backend.Resampling.Resize(mode, new ResizeShape(n, s[1], s[2], s[3], height, width, image), x.Data, target);
            offset += (long)s[1] * height * width;
        }
        return y;
    }
}
