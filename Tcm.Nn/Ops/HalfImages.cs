using Tcm.Kernels.Resampling;

namespace Tcm.Nn;

// Half-precision images: what the operations on images do with them. No gradients.
public static partial class Functional
{
    private static bool IsHalf(Tensor x) => x.Format == TensorFormat.HalfImage;

    private static Tensor HalfAvgPool2d(Tensor x, int kernel)
    {
        var s = x.Shape;
        var y = new Tensor(x.Backend, [s[0], s[1], s[2] / kernel, s[3] / kernel], TensorFormat.HalfImage);
        HalfOf(x.Backend).AveragePool(x.HalfShape, kernel, x.RawData, y.RawData);
        return y;
    }

    private static Tensor HalfInterpolate(Tensor x, int height, int width, ResizeMode mode)
    {
        var y = new Tensor(x.Backend, [x.Shape[0], x.Shape[1], height, width], TensorFormat.HalfImage);
        HalfOf(x.Backend).Resize(mode, x.HalfShape, y.HalfShape, 0, x.RawData, y.RawData);
        return y;
    }

    /// <summary>The channels of a and of b, whatever formats they have.</summary>
    private static Tensor HalfConcat(Tensor a, Tensor b, Shape shape)
    {
        using var scope = TensorScope.Begin();
        var (left, right) = (ToHalfImage(a), ToHalfImage(b));
        var y = new Tensor(a.Backend, shape, TensorFormat.HalfImage);
        HalfOf(a.Backend).Concat(left.HalfShape, right.HalfShape, left.RawData, right.RawData, y.RawData);
        return scope.Keep(y);
    }

    private static Tensor HalfConcatResized(ReadOnlySpan<Tensor> parts, Shape shape, ResizeMode mode)
    {
        using var scope = TensorScope.Begin();
        var y = new Tensor(parts[0].Backend, shape, TensorFormat.HalfImage);
        int first = 0;
        foreach (var x in parts)
        {
            if (first % 8 != 0)
            {
                return scope.Keep(HalfConcatOneByOne(parts, shape[2], shape[3], mode));
            }
            HalfOf(x.Backend).Resize(mode, x.HalfShape, y.HalfShape, first, x.RawData, y.RawData);
            first += x.Shape[1];
        }
        return scope.Keep(y);
    }

    /// <summary>For parts that begin within eight channels: widths that no trained model has.</summary>
    private static Tensor HalfConcatOneByOne(ReadOnlySpan<Tensor> parts, int height, int width, ResizeMode mode)
    {
        var y = HalfInterpolate(parts[0], height, width, mode);
        foreach (var x in parts[1..])
        {
            y = Concat(y, HalfInterpolate(x, height, width, mode));
        }
        return y;
    }
}
