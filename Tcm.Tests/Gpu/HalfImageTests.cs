using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Cpu;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.HalfImages;
using Tcm.Kernels.Resampling;
using Tcm.Nn;
using Tcm.Tests.Checkpoints;
using Tcm.Tests.Kernels.Cases;
using static Tcm.Tests.Gpu.HalfValues;

namespace Tcm.Tests.Gpu;

/// <summary>Images in half precision on the simulator, held against the CPU's operations on floats.</summary>
[Collection(SimulatorCollection.Name)]
public sealed class HalfImageTests
{
    /// <summary>What FP32 sums in another order may change.</summary>
    private const double Sums = 2e-6;

    private const int Pixels = 0, Patches = 1, Strided = 2, Few = 3;

    private static readonly (Conv2dFilter Filter, ImageBatch Input, bool Residual)[] convolutions =
    [
        (new(20, 130, 1, 1), new(2, 1, 3), true),
        (new(5, 12, 3, 3, 1, 1), new(1, 12, 11), true),
        (new(9, 70, 3, 2, 2, 1), new(2, 7, 6), false),
        (new(10, 3, 3, 3, 1, 1), new(2, 3, 4), true),
        (new(72, 9, 1, 1, 2), new(2, 5, 5), false),
        (new(11, 11, 3, 3, 2, 1, 11), new(2, 5, 6), true),
    ];

    /// <summary>Kinds of convolutions, tiles and parts of k.</summary>
    public static TheoryData<int, int, int> Blocks => new()
    {
        { Pixels, 2, 1 }, { Patches, 0, 1 }, { Strided, 1, 2 }, { Few, 2, 1 },
    };

    [Theory]
    [MemberData(nameof(Blocks))]
    public void Convolutions_on_tensor_cores_are_exact_but_for_the_result(int kind, int tile, int splits)
    {
        using var backend = Half(GpuConvolutionVersion.Half);
        ((GpuConvolution)backend.Convolution).TensorTile = tile;
        backend.ForcedSplits = splits;
        Compare(backend, convolutions[kind], Activation.Relu);
        Assert.Contains(backend.LoadedKernels, k => k.Method.Name == nameof(HalfGemmKernels.Layer));
        Assert.Equal(splits > 1, backend.LoadedKernels.Any(k => k.Method.Name == nameof(HalfGemmKernels.Sum)));
    }

    [Fact]
    public void Convolutions_without_tiles_and_depthwise_ones_agree()
    {
        using var backend = Half(GpuConvolutionVersion.HalfNaive);
        foreach (var convolution in convolutions)
        {
            foreach (var activation in (Activation[])[Activation.None, Activation.Relu, Activation.Sigmoid])
            {
                Compare(backend, convolution, activation);
            }
        }
        Assert.Contains(backend.LoadedKernels, k => ReferenceEquals(k, HalfImageKernels.DepthwiseKernel));
    }

    [Theory]
    [InlineData(9, 10, false, GpuConvolutionVersion.Half)]
    [InlineData(6, 1, false, GpuConvolutionVersion.HalfNaive)]
    [InlineData(9, 10, true, GpuConvolutionVersion.HalfNaive)]
    [InlineData(6, 5, true, GpuConvolutionVersion.HalfNaive)]
    public void Transposed_convolutions_agree(int c, int k, bool residual, Enum version)
    {
        using var backend = Half((GpuConvolutionVersion)version);
        using var cpu = new CpuBackend(1);
        var input = new ImageBatch(2, 2, 3);
        float[] weight = Coarse(c * k * 4, 1), bias = Coarse(k, 2);
        Compare(backend, cpu, b => b.Convolution.PrepareTransposed2x2(c, k, weight, bias, Activation.Relu), input, residual);
    }

    [Fact]
    public void Maps_agree()
    {
        using var backend = Half(GpuConvolutionVersion.HalfNaive);
        using var cpu = new CpuBackend(1);
        // 11 channels: a chunk that is full and one that is not.
        Tensor x = Image(backend, [2, 11, 6, 5], 1), same = Image(backend, [2, 11, 6, 5], 2);
        var small = Image(backend, [2, 11, 3, 2], 3);
        Tensor cx = OnCpu(cpu, x), csame = OnCpu(cpu, same), csmall = OnCpu(cpu, small);
        Equal(Functional.AvgPool2d(cx, 2), Functional.AvgPool2d(x, 2));
        Equal(Functional.Add(cx, csame), Functional.Add(x, same));
        foreach (var mode in Enum.GetValues<ResizeMode>())
        {
            Equal(Functional.Interpolate(cx, 7, 9, mode), Functional.Interpolate(x, 7, 9, mode));
            Equal(Functional.AddUpsampled(OnCpu(cpu, same), csmall, mode), Functional.AddUpsampled(Copy(same), small, mode));
            // Second parts that begin within a chunk, and at one.
            Equal(Functional.ConcatResized([cx, csmall], 6, 5, mode), Functional.ConcatResized([x, small], 6, 5, mode));
            Tensor eight = Image(backend, [2, 8, 6, 5], 4), ceight = OnCpu(cpu, eight);
            Equal(Functional.ConcatResized([ceight, csmall], 6, 5, mode), Functional.ConcatResized([eight, small], 6, 5, mode));
        }
        Equal(Functional.Concat(cx, csame), Functional.Concat(x, same));
        var floats = Tensor.From(backend, Coarse(2 * 30, 5), [2, 1, 6, 5]);
        Equal(Functional.Concat(cx, OnCpu(cpu, floats)), Functional.Concat(x, floats));
        var first = Functional.Concat(floats, x);
        Assert.Equal(TensorFormat.Float, first.Format);
        Equal(Functional.Concat(OnCpu(cpu, floats), cx), first);
        Assert.Throws<ShapeException>(() => Functional.Add(floats, x));
        Assert.Throws<ShapeException>(() => x.Reshape([2, 11, 30]));
        Assert.Throws<ShapeException>(() => x.Data);
    }

    [Fact]
    public void A_picture_becomes_an_image_of_half_precision()
    {
        using var backend = Half(GpuConvolutionVersion.HalfNaive);
        using var cpu = new CpuBackend(1);
        byte[] rgb = [.. Enumerable.Range(0, 3 * 5 * 4 + 8).Select(i => (byte)(i * 37))];
        var normalization = new Tcm.Kernels.Images.ChannelNormalization(123.7f, 116.3f, 103.5f, 0.017f, 0.0171f, 0.0174f);
        var half = new Tensor(backend, [1, 3, 6, 8], TensorFormat.HalfImage);
        backend.HalfImages!.NormalizePad(rgb, 17, 4, 5, 6, 8, normalization, half.RawData);
        var floats = new Tensor(cpu, [1, 3, 6, 8]);
        cpu.Images.NormalizePad(rgb, 17, 4, 5, 6, 8, normalization, floats.Data);
        Equal(floats, half);
    }

    /// <summary>The whole network, every head: that no layer is missing on the way, and that the result is the CPU's.</summary>
    [Theory]
    [InlineData("db")]
    [InlineData("pan")]
    [InlineData("fce")]
    public void A_network_stays_in_half_precision(string head)
    {
        // The text branch once.
        var config = head == "db" ? ConfigVariationTests.Variations["tiny"]
            : ConfigVariationTests.Variations["plain"] with { Head = head };
        using var weights = new FormulaWeights(config);
        using var cpu = new CpuBackend(1);
        using var gpu = Half(GpuConvolutionVersion.Auto);
        float[] picture = KernelCase.Values(3 * 32 * 64, 7);
        var recorder = new FormatRecorder(all: false);
        float[] expected = Run(cpu, null), actual = Run(gpu, recorder);
        double range = expected.Max() - expected.Min();
        double error = expected.Zip(actual, (e, a) => Math.Abs((double)e - a)).Max();
        Assert.True(error <= 0.01 * range, $"differs by {error}, range {range}");
        Assert.All(["input", "x0", "x1", "x2", "x3"], name => Assert.Equal(TensorFormat.HalfImage, recorder.Formats[name]));
        if (head == "db")
        {
            Assert.All(["g", "cc", "t", "dt", "t2"], name => Assert.Equal(TensorFormat.HalfTokens, recorder.Formats[name]));
        }
        if (head == "pan")
        {
            // The third of a size is a replay; its input is copied as it lies.
            using var scope = TensorScope.Begin();
            using var model = new TcmModel(weights, config, gpu);
            using var passes = new Tcm.Detect.Pipeline.NetworkPasses(model, 1);
            var input = Functional.ToHalfImage(Tensor.From(gpu, picture, [1, 3, 32, 64]));
            for (int i = 0; i < 3; i++)
            {
                Assert.Equal(actual, passes.Run(input, new FormatRecorder(all: false), maps => maps.ToArray()));
            }
            Assert.Single(passes.Recorded);
        }

        float[] Run(Backend backend, ForwardObserver? observer)
        {
            using var scope = TensorScope.Begin();
            using var model = new TcmModel(weights, config, backend);
            return model.Forward(Tensor.From(backend, picture, [1, 3, 32, 64]), observer).ToArray();
        }
    }

    private static GpuBackend Half(GpuConvolutionVersion version)
    {
        var backend = GpuParityTests.Simulator(Precision.Fp16);
        ((GpuConvolution)backend.Convolution).Version = version;
        return backend;
    }

    private static void Compare(GpuBackend backend, (Conv2dFilter Filter, ImageBatch Input, bool Residual) c, Activation activation)
    {
        using var cpu = new CpuBackend(1);
        float[] weight = Coarse((int)c.Filter.WeightLength, 1), bias = Coarse(c.Filter.K, 2);
        Compare(backend, cpu, b => b.Convolution.Prepare(c.Filter, weight, bias, activation), c.Input, c.Residual);
    }

    /// <summary>Factors of six bits are the same in both; images of the result are 8 floats apart.</summary>
    private static void Compare(GpuBackend backend, CpuBackend cpu, Func<Backend, PreparedConvolution> prepare, ImageBatch input,
        bool residual)
    {
        float[] expected = Run(cpu), actual = Run(backend);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) <= Unit * Math.Abs(expected[i]) + Sums,
                $"value {i} is {actual[i]}, expected {expected[i]}");
        }

        float[] Run(Backend b)
        {
            using var prepared = prepare(b);
            var (p, q) = prepared.OutputSize(input.H, input.W);
            int image = prepared.Filter.K * p * q;
            using var x = b.Allocate(input.N * prepared.Filter.C * input.H * input.W);
            using var skip = b.Allocate(input.N * image);
            using var y = b.Allocate(input.N * (image + 8));
            b.Upload(Coarse((int)x.Length, 3), x.All);
            b.Upload(Coarse((int)skip.Length, 4), skip.All);
            b.Fill(y.All, 0.5f);
            b.Convolution.Run(prepared, input, x.All, y.All, residual ? skip.All : null, image + 8);
            var values = new float[y.Length];
            b.Download(y.All, values);
            return values;
        }
    }

    private static Tensor Copy(Tensor x)
    {
        var y = new Tensor(x.Backend, x.Shape, x.Format);
        x.Backend.Copy(x.RawData, y.RawData);
        return y;
    }

    private static void Equal(Tensor expected, Tensor actual) => Close(expected, actual, Unit, Sums);
}
