using Tcm.Kernels;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;
using Tcm.Tests.Kernels.Cases;

namespace Tcm.Tests.Gpu;

/// <summary>
/// The blocks of <see cref="TensorGemmKernels"/> on the simulator, instruction by instruction of their PTX, on factors of six bits: no
/// format rounds those and FP32 sums of their products are exact, so that every lane, place, edge and epilogue must be right for the
/// results to be.
/// </summary>
[Collection(SimulatorCollection.Name)]
public sealed class TensorProductTests
{
    private const int AlignedGuard = 40, OddGuard = 37;

    private static readonly Precision[] formats = [Precision.Tf32, Precision.Fp16, Precision.Bf16];

    /// <summary>Every format and every tile.</summary>
    public static MatrixTheoryData<Precision, int> Tiles => new(formats, [0, 1, 2]);

    public static TheoryData<Precision> Formats => [.. formats];

    /// <summary>One column and one row more than a block or two; four to seven steps, so that the stages go round.</summary>
    [Theory]
    [MemberData(nameof(Tiles))]
    public void Linear_layers_are_exact(Precision precision, int tile)
    {
        var (m, n) = TensorTiles.Sizes[tile];
        Run(precision, tile, AlignedGuard, Linear(m + 1, n / 2 + 4, 100, Activation.None));
        Run(precision, tile, OddGuard, Linear(m / 2 - 1, n + 1, 5, Activation.QuickGelu));
    }

    [Theory]
    [MemberData(nameof(Tiles))]
    public void Convolutions_are_exact(Precision precision, int tile)
    {
        Run(precision, tile, AlignedGuard, Convolve(new(6, 70, 3, 3, 1, 1), new(2, 6, 6), Activation.None));
        Run(precision, tile, OddGuard, Convolve(new(3, 5, 5, 3, 2, 2), new(1, 13, 12), Activation.Relu));
    }

    /// <summary>What reads the images, and which words it reads, does not meet the format either: each once.</summary>
    [Theory]
    [InlineData(Precision.Fp16, "pixels")]
    [InlineData(Precision.Tf32, "pixels, unaligned")]
    [InlineData(Precision.Bf16, "groups")]
    [InlineData(Precision.Tf32, "transposed")]
    [InlineData(Precision.Fp16, "transposed, unaligned")]
    public void Other_convolutions_are_exact(Precision precision, string kind) =>
        Run(precision, 2, kind.Contains("unaligned", StringComparison.Ordinal) ? OddGuard : AlignedGuard, kind switch
        {
            "pixels" => Convolve(new(24, 20, 1, 1), new(2, 6, 12), Activation.Gelu),
            "pixels, unaligned" => Convolve(new(24, 20, 1, 1), new(2, 5, 7), Activation.Sigmoid),
            "groups" => Convolve(new(10, 16, 3, 3, 1, 1, 2), new(2, 4, 4), Activation.None),
            "transposed" => Transposed(21, 17, new(2, 4, 5), Activation.None),
            _ => Transposed(3, 2, new(1, 3, 3), Activation.Relu),
        });

    [Theory]
    [InlineData(Precision.Tf32, false, false)]
    [InlineData(Precision.Bf16, false, true)]
    [InlineData(Precision.Fp16, true, false)]
    [InlineData(Precision.Tf32, true, true)]
    [InlineData(Precision.Fp16, true, true)]
    public void Products_are_exact_whatever_is_transposed(Precision precision, bool a, bool b)
    {
        Run(precision, 2, AlignedGuard, Multiply(new(2, 20, 68, 36, a, b, 20 * 36, 68 * 36, 20 * 68)));
        Run(precision, 2, OddGuard, Multiply(new(2, 3, 65, 37, a, b, 0, 65 * 37, 3 * 65 + 5)));
    }

    /// <summary>Every operand that gradients are made of; the cases of a shape are forward, dx and dw.</summary>
    [Theory]
    [InlineData(Precision.Tf32, 1)]
    [InlineData(Precision.Bf16, 2)]
    [InlineData(Precision.Tf32, 3)]
    public void Convolutions_of_training_are_exact(Precision precision, int kind)
    {
        Conv2dShape shape = kind switch
        {
            1 => new(new(16, 20, 1, 1), new(2, 4, 6)),
            2 => new(new(16, 16, 3, 2, 2, 1, 2), new(1, 6, 5)),
            _ => new(new(9, 6, 2, 2, 2), new(2, 4, 6)),
        };
        foreach (var kernelCase in ConvolutionTrainingCases.Three(shape))
        {
            Run(precision, 2, kind % 2 == 0 ? OddGuard : AlignedGuard, Exact(kernelCase, Activation.None), single: false);
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Factors_are_rounded_to_the_format(Precision precision)
    {
        const int m = 9, n = 7, k = 21;
        using var backend = Backend(precision, 2);
        float[] a = KernelCase.Values(m * k, 1), w = KernelCase.Values(n * k, 2);
        using var matrix = backend.MatrixProduct.Prepare(n, k, w, [], Activation.None);
        using var x = backend.Allocate(a.Length);
        using var y = backend.Allocate(m * n);
        backend.Upload(a, x.All);
        backend.MatrixProduct.Linear(matrix, m, x.All, y.All);
        var actual = new float[m * n];
        backend.Download(y.All, actual);
        for (int i = 0; i < m * n; i++)
        {
            double sum = 0;
            for (int j = 0; j < k; j++)
            {
                sum += (double)TensorFormats.Round(precision, a[i / n * k + j]) * TensorFormats.Round(precision, w[i % n * k + j]);
            }
            Assert.Equal(sum, actual[i], 5e-6);
        }
    }

    [Fact]
    public void A_weight_beyond_half_precision_is_a_named_error()
    {
        using var backend = Backend(Precision.Fp16, 2);
        string message = Assert.Throws<DeviceException>(() => backend.MatrixProduct.Prepare(1, 2, [1, 70000], [], Activation.None))
            .Message;
        Assert.Equal("a weight of 70000 exceeds the range of Fp16; Bf16 and Tf32 have the range of Fp32", message);
    }

    private static GpuBackend Backend(Precision precision, int tile)
    {
        var backend = GpuParityTests.Simulator(precision);
        ((GpuMatrixProducts)backend.MatrixProduct).TensorTile = tile;
        ((GpuConvolution)backend.Convolution).TensorTile = tile;
        ((GpuConvolution)backend.Convolution).Version = Enum.Parse<GpuConvolutionVersion>($"{precision}");
        return backend;
    }

    private static void Run(Precision precision, int tile, int guard, KernelCase kernelCase, bool single = true)
    {
        using var backend = Backend(precision, tile);
        using var loaded = new LoadedCase(kernelCase, backend, guard);
        loaded.Run();
        float[] expected = KernelCases.Expected(kernelCase), actual = loaded.Output();
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(actual[i] - expected[i]) <= kernelCase.Atol + kernelCase.Rtol * Math.Abs(expected[i]),
                $"{kernelCase.Name}: value {i} of {expected.Length} is {actual[i]}, expected {expected[i]}");
        }
        Assert.Null(loaded.Damage());
        // Gradients of weights are summed over their splits by one more.
        var kernel = single ? Assert.Single(backend.LoadedKernels) : backend.LoadedKernels.First();
        Assert.Contains(kernel, KernelCatalog.All);
        var size = TensorTiles.Sizes[tile];
        Assert.Contains($"<{precision}Core,Tile{size.M}x{size.N},", kernel.Name, StringComparison.Ordinal);
    }

    /// <summary>k/32 with |k| up to 32.</summary>
    private static float Coarse(float value) => MathF.Round(value * 32) / 32;

    private static float[] Coarse(int length, int seed) => [.. KernelCase.Values(length, seed).Select(Coarse)];

    private static KernelCase Exact(KernelCase kernelCase, Activation activation) => kernelCase with
    {
        Name = "exact " + kernelCase.Name,
        Map = (_, _, value) => Coarse(value),
        Atol = activation is Activation.None or Activation.Relu ? 0 : 2e-6f,
        Rtol = activation is Activation.None or Activation.Relu ? 0 : 1e-5f,
    };

    private static KernelCase Linear(int rows, int n, int k, Activation activation)
    {
        float[] weight = Coarse(n * k, 1), bias = Coarse(n, 2);
        return Exact(new($"Linear {rows}x{k}->{n} {activation}", [rows * k, rows * n], rows * n,
            (b, prepared, s, y) => b.MatrixProduct.Linear((PreparedMatrix)prepared!, rows, s[0], y, s[1]))
        { Prepare = b => b.MatrixProduct.Prepare(n, k, weight, bias, activation), InPlace = 1 }, activation);
    }

    private static KernelCase Convolve(Conv2dFilter filter, ImageBatch input, Activation activation)
    {
        var shape = new Conv2dShape(filter, input);
        int image = (int)shape.OutputImage, y = input.N * image;
        float[] weight = Coarse((int)filter.WeightLength, 1), bias = Coarse(filter.K, 2);
        return Exact(new($"Conv2d {shape} {activation}", [input.N * (int)shape.InputImage, y], y + (input.N - 1) * 8,
            (b, prepared, s, target) => b.Convolution.Run((PreparedConvolution)prepared!, input, s[0], target, s[1], image + 8))
        { Prepare = b => b.Convolution.Prepare(filter, weight, bias, activation) }, activation);
    }

    private static KernelCase Transposed(int c, int k, ImageBatch input, Activation activation)
    {
        float[] weight = Coarse(c * k * 4, 1), bias = Coarse(k, 2);
        int pixels = input.N * input.H * input.W;
        return Exact(new($"ConvTranspose2d {c}->{k} {input} {activation}", [c * pixels, 4 * k * pixels], 4 * k * pixels,
            (b, prepared, s, y) => b.Convolution.Run((PreparedConvolution)prepared!, input, s[0], y, s[1]))
        { Prepare = b => b.Convolution.PrepareTransposed2x2(c, k, weight, bias, activation) }, activation);
    }

    private static KernelCase Multiply(MatrixShape s) => Exact(new($"MatMul {s}",
        [(int)((s.Batch - 1) * s.StrideA) + s.M * s.K, (int)((s.Batch - 1) * s.StrideB) + s.K * s.N],
        (int)((s.Batch - 1) * s.StrideC) + s.M * s.N, (b, _, x, y) => b.MatrixProduct.Multiply(s, x[0], x[1], y, 0.5f)),
        Activation.None);
}
