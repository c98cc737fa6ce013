using Tcm.Kernels;
using Tcm.Kernels.Resampling;
using Tcm.Nn.Autograd;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>Resizes x (N,C,H,W) to <paramref name="height"/> x <paramref name="width"/>.</summary>
    public static Tensor Interpolate(Tensor x, int height, int width, ResizeMode mode)
    {
        Rank("Interpolate", x, 4, "(N,C,H,W)");
        if (IsHalf(x))
        {
            return HalfInterpolate(x, height, width, mode);
        }
        var s = x.Shape;
        var y = new Tensor(x.Backend, [s[0], s[1], height, width]);
        x.Backend.Resampling.Resize(mode, new ResizeShape(s[0], s[1], s[2], s[3], height, width), x.Data, y.Data);
        if (Tape.Of(x) is { } tape)
        {
            RecordInterpolate(tape, x, y, height, width, mode);
        }
        return y;
    }

    /// <summary>
    /// Adds x, resized to the size of <paramref name="sum"/>, to <paramref name="sum"/> in place and returns it: the
    /// top-down step of a feature pyramid without a temporary. What led to <paramref name="sum"/> must not need its values
    /// for its own gradient (a convolution does not); use the result, not <paramref name="sum"/>, afterwards.
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
        if (IsHalf(sum) && IsHalf(x))
        {
            HalfOf(x.Backend).Resize(mode, x.HalfShape, sum.HalfShape, 0, x.RawData, sum.RawData, accumulate: true);
            return sum;
        }
        x.Backend.Resampling.Resize(mode, new ResizeShape(s[0], s[1], s[2], s[3], t[2], t[3]), x.Data, sum.Data, true);
        return Tape.Of(sum, x) is { } tape ? RecordAddUpsampled(tape, sum, x, mode) : sum;
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
        if (IsHalf(parts[0]))
        {
            return HalfConcatResized(parts, [n, channels, height, width], mode);
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
        if (Tape.Current is { } tape && (tape.IsTracing || RequiresGradient(parts)))
        {
            RecordConcatResized(tape, parts, y, mode);
        }
        return y;
    }

    private static bool RequiresGradient(ReadOnlySpan<Tensor> tensors)
    {
        foreach (var x in tensors)
        {
            if (x.RequiresGradient)
            {
                return true;
            }
        }
        return false;
    }

    private static void RecordInterpolate(Tape tape, Tensor x, Tensor y, int height, int width, ResizeMode mode)
    {
        var s = x.Shape;
        tape.Add("Interpolate", y, [x], dy =>
            [Upsampled(mode, new ResizeShape(s[0], s[1], s[2], s[3], height, width), dy.Backend, dy.Data, s)], mode);
    }

    private static Tensor RecordAddUpsampled(Tape tape, Tensor sum, Tensor x, ResizeMode mode)
    {
        var (s, t) = (x.Shape, sum.Shape);
        var y = sum.Share();
        tape.Add("AddUpsampled", y, [sum, x], dy =>
            [dy.Share(), Upsampled(mode, new ResizeShape(s[0], s[1], s[2], s[3], t[2], t[3]), dy.Backend, dy.Data, s)], mode);
        return y;
    }

    private static void RecordConcatResized(Tape tape, ReadOnlySpan<Tensor> parts, Tensor y, ResizeMode mode)
    {
        var shapes = new Shape[parts.Length];
        for (int i = 0; i < shapes.Length; i++)
        {
            shapes[i] = parts[i].Shape;
        }
        tape.Add("ConcatResized", y, [.. parts], dy =>
        {
            var gradients = new Tensor?[shapes.Length];
            int height = dy.Shape[2], width = dy.Shape[3];
            long image = dy.Length / dy.Shape[0], offset = 0;
            for (int i = 0; i < shapes.Length; i++)
            {
                var s = shapes[i];
                gradients[i] = Upsampled(mode, new ResizeShape(s[0], s[1], s[2], s[3], height, width, image), dy.Backend,
                    dy.Data.Part(offset, dy.Length - offset), s);
                offset += (long)s[1] * height * width;
            }
            return gradients;
        }, mode);
    }

    /// <summary>The gradient of an image before it was resized.</summary>
    private static Tensor Upsampled(ResizeMode mode, ResizeShape shape, Backend backend, Slice dy, Shape source)
    {
        var dx = new Tensor(backend, source);
        backend.Resampling.ResizeBackward(mode, shape, dy, dx.Data);
        return dx;
    }
}
