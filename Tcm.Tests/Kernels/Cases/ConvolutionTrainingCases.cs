using Tcm.Kernels.Convolution;

namespace Tcm.Tests.Kernels.Cases;

/// <summary>Convolution with weights on the device, and its two gradients.</summary>
internal static class ConvolutionTrainingCases
{
    public static IEnumerable<KernelCase> All() => Shapes().SelectMany(Three);

    private static IEnumerable<Conv2dShape> Shapes()
    {
        yield return new(new(1, 1, 1, 1), new(1, 1, 1));
        yield return new(new(3, 5, 3, 3, 1, 1), new(2, 5, 7));
        yield return new(new(33, 65, 1, 1), new(3, 7, 9));
        yield return new(new(130, 70, 1, 1), new(2, 8, 6));
        yield return new(new(300, 11, 1, 1), new(1, 5, 5));
        // The stem, other strides and sizes; where the stride does not divide, the last pixels of x are read by nothing.
        yield return new(new(3, 32, 3, 3, 2, 1), new(2, 17, 24));
        yield return new(new(16, 24, 1, 1, 2), new(1, 11, 12));
        yield return new(new(16, 16, 3, 3, 2, 0), new(3, 8, 8));
        yield return new(new(3, 16, 7, 7, 2, 3), new(1, 15, 14));
        yield return new(new(9, 4, 2, 3, 3, 1), new(2, 10, 11));
        // The transposed convolution of the head is the input gradient of 2x2 stride 2.
        yield return new(new(6, 5, 2, 2, 2), new(2, 10, 6));
        yield return new(new(1, 64, 2, 2, 2), new(1, 6, 8));
        yield return new(new(17, 9, 2, 2, 2), new(1, 9, 7));
        yield return new(new(20, 300, 2, 2, 2), new(1, 4, 6));
        // Filters that are not square, wide borders, borders wider than the filter.
        yield return new(new(8, 12, 5, 5, 1, 2), new(1, 9, 17));
        yield return new(new(4, 6, 1, 3, 1, 0), new(1, 4, 6));
        yield return new(new(5, 7, 3, 1, 1, 2), new(2, 4, 5));
        yield return new(new(5, 7, 3, 3, 1, 2), new(1, 4, 5));
        yield return new(new(5, 7, 3, 3, 1, 4), new(1, 4, 5));
        yield return new(new(7, 3, 1, 1, 1, 1), new(2, 3, 4));
        // Copies of few channels fill a panel; many rows are cut into chunks and segments.
        yield return new(new(12, 12, 3, 3, 1, 1), new(2, 40, 33));
        yield return new(new(2, 9, 3, 3, 1, 1), new(1, 9, 70));
        yield return new(new(70, 66, 3, 3, 1, 1), new(2, 30, 7));
        // Winograd: tiles of several images in one block, blocks across images.
        yield return new(new(40, 33, 3, 3, 1, 1), new(9, 6, 5));
        yield return new(new(32, 36, 3, 3, 1, 1), new(3, 27, 30));
        yield return new(new(64, 64, 3, 3, 1, 1), new(1, 20, 20));
        // Bands of rows: a stem, and few channels.
        yield return new(new(3, 8, 3, 3, 2, 1), new(2, 21, 101));
        yield return new(new(8, 16, 3, 3, 1, 1), new(2, 11, 53));
        // Groups.
        yield return new(new(8, 8, 3, 3, 1, 1, 8), new(2, 13, 11));
        yield return new(new(12, 18, 3, 3, 1, 1, 3), new(1, 10, 9));
        yield return new(new(6, 6, 3, 3, 2, 1, 6), new(2, 8, 9));
        yield return new(new(16, 16, 1, 1, 1, 0, 2), new(1, 4, 5));
    }

    /// <summary>The three operations of one shape.</summary>
    public static IEnumerable<KernelCase> Three(Conv2dShape shape)
    {
        var f = shape.Filter;
        int x = shape.Input.N * (int)shape.InputImage, y = shape.Input.N * (int)shape.OutputImage, w = (int)f.WeightLength;
        // Sums of n products of uniform values are about sqrt(n) / 3: errors of a hundred thousandth of that.
        yield return new($"Conv2d {shape} while training", [x, w], y,
            (b, _, s, target) => b.Convolution.Forward(shape, s[0], s[1], target))
        { Atol = Tolerance(w / f.K) };
        yield return new($"Conv2d input gradient {shape}", [y, w], x,
            (b, _, s, target) => b.Convolution.InputGradient(shape, s[0], s[1], target))
        { Atol = Tolerance(w / f.C) };
        yield return new($"Conv2d weight gradient {shape}", [x, y], w,
            (b, _, s, target) => b.Convolution.WeightGradient(shape, s[0], s[1], target))
        { Atol = Tolerance(shape.Input.N * shape.P * shape.Q) };
    }

    private static float Tolerance(int products) => 3e-6f * MathF.Sqrt(products);
}
