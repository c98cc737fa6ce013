using Tcm.Kernels;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Tests.Kernels.Cases;

/// <summary>Convolutions, linear layers and matrix products.</summary>
internal static class ProductCases
{
    public static IEnumerable<KernelCase> Convolution()
    {
        yield return Convolve(new(1, 1, 1, 1), new(1, 1, 1));
        yield return Convolve(new(3, 5, 3, 3, 1, 1), new(2, 5, 7));
        yield return Convolve(new(3, 32, 3, 3, 2, 1), new(1, 33, 47), activation: Activation.Relu);
        yield return Convolve(new(64, 64, 3, 3, 1, 1), new(1, 20, 20), activation: Activation.Relu, residual: true);
        yield return Convolve(new(64, 256, 1, 1), new(1, 19, 21), residual: true, activation: Activation.Relu);
        yield return Convolve(new(65, 33, 1, 1), new(2, 7, 9), bias: false);
        // Few pixels: the channels are shared out too.
        yield return Convolve(new(40, 150, 1, 1), new(1, 5, 7), residual: true, activation: Activation.Gelu);
        yield return Convolve(new(16, 24, 1, 1, 2), new(1, 11, 12));
        yield return Convolve(new(8, 12, 5, 5, 1, 2), new(1, 9, 17), activation: Activation.Sigmoid);
        yield return Convolve(new(3, 16, 7, 7, 2, 3), new(1, 31, 30));
        yield return Convolve(new(8, 8, 3, 3, 1, 1, 8), new(2, 13, 11));
        yield return Convolve(new(12, 18, 3, 3, 1, 1, 3), new(1, 10, 9), activation: Activation.Gelu);
        yield return Convolve(new(16, 16, 3, 3, 2, 0), new(3, 8, 8), activation: Activation.QuickGelu);
        yield return Convolve(new(7, 9, 3, 3, 1, 1), new(3, 6, 5), gap: 41);
        yield return Convolve(new(4, 6, 1, 3, 1, 0), new(1, 4, 6));
        yield return Convolve(new(130, 70, 3, 3, 1, 1), new(1, 10, 14));
        // Few channels and rows as wide as a panel of any vector: bands, the last one cut, odd sides, both remainders of a stride.
        yield return Convolve(new(3, 8, 3, 3, 2, 1), new(2, 37, 119), activation: Activation.Relu);
        yield return Convolve(new(8, 43, 3, 3, 1, 1), new(1, 19, 67), activation: Activation.Relu, residual: true);
        yield return Convolve(new(5, 6, 5, 3, 2, 2), new(1, 21, 130), gap: 17);
        yield return Convolve(new(2, 3, 1, 7, 1, 3), new(2, 9, 51), bias: false);
        yield return Transposed(1, 1, new(1, 1, 1), Activation.None);
        yield return Transposed(64, 64, new(1, 10, 13), Activation.Relu);
        yield return Transposed(17, 1, new(2, 9, 8), Activation.Sigmoid);
    }

    public static IEnumerable<KernelCase> MatrixProduct()
    {
        yield return Linear(1, 1, 1, Activation.None, bias: true, residual: false);
        yield return Linear(5, 7, 3, Activation.None, bias: false, residual: false);
        yield return Linear(401, 96, 64, Activation.QuickGelu, bias: true, residual: false);
        yield return Linear(18, 129, 257, Activation.Gelu, bias: true, residual: true);
        yield return Linear(1, 512, 1024, Activation.None, bias: true, residual: false);
        yield return Linear(63, 65, 511, Activation.Relu, bias: true, residual: true);
        // Weights that are halves, of few rows and of many.
        yield return Linear(18, 129, 257, Activation.Gelu, bias: true, residual: true, halves: true);
        yield return Linear(301, 65, 63, Activation.None, bias: true, residual: false, halves: true);
        foreach (bool transposeA in new[] { false, true })
        {
            foreach (bool transposeB in new[] { false, true })
            {
                yield return Multiply(new(1, 1, 1, 1, transposeA, transposeB, 1, 1, 1));
                yield return Multiply(new(3, 17, 33, 29, transposeA, transposeB, 17 * 29, 29 * 33, 17 * 33));
                yield return Multiply(new(2, 50, 7, 300, transposeA, transposeB, 0, 7 * 300, 50 * 7 + 13));
                yield return Multiply(new(2, 4, 100, 64, transposeA, transposeB, 4 * 64, 0, 400));
            }
        }
    }

    public static KernelCase Convolve(Conv2dFilter filter, ImageBatch input, Activation activation = Activation.None,
        bool bias = true, bool residual = false, int gap = 0)
    {
        var shape = new Conv2dShape(filter, input);
        int image = (int)shape.OutputImage, x = input.N * (int)shape.InputImage, y = input.N * image;
        // Weights as a trained network has them: results of size 1 whatever the fan-in.
        float range = 1.7f / MathF.Sqrt((float)filter.WeightLength / filter.K);
        var weight = KernelCase.Values((int)filter.WeightLength, 1, range);
        var shift = bias ? KernelCase.Values(filter.K, 2) : [];
        string name = $"Conv2d {shape} {activation}{(bias ? " bias" : "")}{(residual ? " residual" : "")} gap {gap}";
        return new(name, residual ? [x, y] : [x], y + (input.N - 1) * gap, (b, prepared, s, target) => b.Convolution.Run(
            (PreparedConvolution)prepared!, input, s[0], target, residual ? s[1] : null, gap == 0 ? 0 : image + gap))
        {
            Prepare = b => b.Convolution.Prepare(filter, weight, shift, activation),
            Atol = 5e-6f,
            InPlace = residual && gap == 0 ? 1 : null,
        };
    }

    public static KernelCase Transposed(int c, int k, ImageBatch input, Activation activation)
    {
        var weight = KernelCase.Values(c * k * 4, 1, 1.7f / MathF.Sqrt(c));
        var bias = KernelCase.Values(k, 2);
        int pixels = input.N * input.H * input.W;
        return new($"ConvTranspose2d {c}->{k} {input} {activation}", [c * pixels], 4 * k * pixels,
            (b, prepared, s, y) => b.Convolution.Run((PreparedConvolution)prepared!, input, s[0], y))
        { Prepare = b => b.Convolution.PrepareTransposed2x2(c, k, weight, bias, activation), Atol = 5e-6f };
    }

    public static KernelCase Linear(int rows, int n, int k, Activation activation, bool bias, bool residual, bool halves = false)
    {
        var weight = KernelCase.Values(n * k, 1, 1.7f / MathF.Sqrt(k));
        weight = halves ? Array.ConvertAll(weight, v => (float)(Half)v) : weight;
        var shift = bias ? KernelCase.Values(n, 2) : [];
        return new($"Linear {rows}x{k}->{n} {activation}{(residual ? " residual" : "")}{(halves ? " halves" : "")}",
            residual ? [rows * k, rows * n] : [rows * k], rows * n,
            (b, prepared, s, y) => b.MatrixProduct.Linear((PreparedMatrix)prepared!, rows, s[0], y, residual ? s[1] : null))
        {
            Prepare = b => b.MatrixProduct.Prepare(n, k, weight, shift, activation),
            Atol = 5e-6f,
            InPlace = residual ? 1 : null,
        };
    }

    public static KernelCase Multiply(MatrixShape s) => new($"MatMul {s}",
        [
            (int)((s.Batch - 1) * s.StrideA) + s.M * s.K, (int)((s.Batch - 1) * s.StrideB) + s.K * s.N,
        ],
        (int)((s.Batch - 1) * s.StrideC) + s.M * s.N, (b, _, x, y) => b.MatrixProduct.Multiply(s, x[0], x[1], y, 0.3f))
    { Atol = 1e-6f * s.K };
}
