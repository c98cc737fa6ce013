using Tcm.Kernels;
using Tcm.Kernels.Attention;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.Indexing;
using Tcm.Kernels.MatrixProduct;
using Tcm.Kernels.Normalization;
using Tcm.Kernels.Pooling;
using Tcm.Kernels.Reduction;
using Tcm.Kernels.Resampling;
using Tcm.Tests.Gpu.Ptx;
using Tcm.Tests.Kernels.Cases;

namespace Tcm.Tests.Gpu;

/// <summary>
/// Every version of every GPU kernel against the reference loops: small shapes on the simulator, which interprets the PTX that a GPU
/// would load (<see cref="PtxMachine"/>), and all shapes on a CUDA device where there is one.
/// </summary>
[Collection(SimulatorCollection.Name)]
public sealed class GpuParityTests
{
    // Tensors that start on 16 bytes take the 128-bit paths, the others must not.
    private const int AlignedGuard = 40, OddGuard = 37;

    public static TheoryData<string, string, string> Versions()
    {
        var data = new TheoryData<string, string, string>();
        foreach (string device in new[] { "simulator", "cuda:0" })
        {
            foreach (string family in KernelCases.Families.Keys)
            {
                foreach (string version in VersionsOf(family).Where(v => device != "simulator" || !IsRepeated(family, v)))
                {
                    data.Add(device, family, version);
                }
            }
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public void Kernels_match_the_reference(string device, string family, string version)
    {
        using var backend = Open(device);
        Choose(backend, family, version);
        bool simulated = device == "simulator";
        var failures = new List<string>();
        var precision = PrecisionOf(version);
        var shared = simulated ? GpuCases.Small(family, version) : KernelCases.Families[family];
        // The simulator is slow: there each shared case gets one of the two alignments, the tile cases both.
        // Large logits are what half a bit decides about.
        shared = shared.Where(c => precision == Precision.Fp32 || !c.Name.Contains("Scale = 20", StringComparison.Ordinal));
        var runs = shared.SelectMany((c, i) => simulated
                ? new[] { (c, i % 2 == 0 ? AlignedGuard : OddGuard) }
                : [(c, AlignedGuard), (c, OddGuard)])
            .Concat(GpuCases.Tiles(family).SelectMany(c => new[] { (c, AlignedGuard), (c, OddGuard) }));
        foreach (var (kernelCase, guard) in runs)
        {
            using var loaded = new LoadedCase(kernelCase, backend, guard);
            loaded.Run();
            if ((Mismatch(kernelCase, loaded.Output(), Unit(precision), IsHalf(version)) ?? loaded.Damage()) is { } failure)
            {
                failures.Add($"{failure} (guard {guard})");
            }
        }
        Assert.True(failures.Count == 0, string.Join(Environment.NewLine, failures));
        Assert.All(backend.LoadedKernels, kernel => Assert.Contains(kernel, KernelCatalog.All));
    }

    [Fact]
    public void Memory_is_pooled_aligned_and_given_back()
    {
        using var backend = Simulator();
        var first = backend.Allocate(1000);
        backend.Fill(first.All, 2.5f);
        backend.Copy(first.All.Part(0, 10), first.All.Part(500, 10));
        backend.Upload([1, 2, 3], first.All.Part(7, 3));
        var values = new float[5];
        backend.Download(first.All.Part(6, 5), values);
        Assert.Equal([2.5f, 1, 2, 3, 2.5f], values);
        first.Dispose();
        first.Dispose();
        Assert.Equal(new MemoryUse(0, 4096, 1), backend.Memory);
        using (backend.Allocate(1020))
        {
            Assert.Equal(new MemoryUse(4096, 0, 1), backend.Memory);
        }
        backend.TrimMemory();
        Assert.Equal(new MemoryUse(0, 0, 1), backend.Memory);
        Assert.Equal(1, GpuBackend.Aligned4(new Slice(first, 4, 8)));
        Assert.Equal(0, GpuBackend.Aligned4(new Slice(first, 6, 8)));
    }

    [Fact]
    public void Too_much_memory_and_too_long_tensors_are_named_errors()
    {
        using var backend = Simulator();
        string message = Assert.Throws<DeviceException>(() => backend.Allocate(1L << 46)).Message;
        Assert.StartsWith("simulator: out of memory", message, StringComparison.Ordinal);
        using var small = backend.Allocate(1);
        Assert.Throws<ShapeException>(() => GpuBackend.View(new Slice(small, 0, 1L << 31)));
    }

    [Fact]
    public void A_disposed_backend_refuses_work()
    {
        var backend = Simulator();
        var storage = backend.Allocate(4);
        var prepared = backend.MatrixProduct.Prepare(1, 1, [1], [], Activation.None);
        backend.Dispose();
        backend.Dispose();
        storage.Dispose();
        prepared.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.Allocate(4));
        Assert.Throws<ObjectDisposedException>(() => backend.Fill(storage.All, 1));
        Assert.Throws<ObjectDisposedException>(backend.Synchronize);
    }

    [Fact]
    public void Callers_on_several_threads_take_turns()
    {
        using var backend = Simulator();
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
        {
            using var x = backend.Allocate(100);
            for (int repeat = 0; repeat < 5; repeat++)
            {
                backend.Fill(x.All, i);
                backend.Elementwise.Affine(2, repeat, x.All, x.All);
                var values = new float[100];
                backend.Download(x.All, values);
                Assert.All(values, v => Assert.Equal(2 * i + repeat, v));
            }
        });
    }

    internal static GpuBackend Open(string device, Precision precision = Precision.Fp32)
    {
        if (device == "simulator")
        {
            return Simulator(precision);
        }
        Assert.SkipUnless(Devices.List().Any(d => d.Name == device), $"no device {device}");
        return (GpuBackend)Devices.Open(device, precision: precision);
    }

    /// <summary>Runs kernels as their PTX.</summary>
    internal static GpuBackend Simulator(Precision precision = Precision.Fp32) => PtxLoader.Open(precision);

    internal static string[] VersionsOf(string family) => family switch
    {
        "Convolution" => Enum.GetNames<GpuConvolutionVersion>(),
        "ConvolutionTraining" => [.. Enum.GetNames<GpuConvolutionVersion>().Where(v => PrecisionOf(v) != Precision.Fp16)],
        "MatrixProduct" => Enum.GetNames<GpuMatrixVersion>(),
        "Attention" => Enum.GetNames<GpuAttentionVersion>(),
        "Images" or "Losses" or "Optimizers" => [nameof(GpuVersion.Auto)],
        _ => Enum.GetNames<GpuVersion>(),
    };

    internal static bool IsHalf(string version) =>
        version is nameof(GpuConvolutionVersion.Half) or nameof(GpuConvolutionVersion.HalfNaive);

    internal static Precision PrecisionOf(string version) => IsHalf(version) ? Precision.Fp16
        : Enum.TryParse(version, out Precision precision) ? precision : Precision.Fp32;

    /// <summary>Training has three operations a shape, and at sizes for the simulator its default is the 64x64 block.</summary>
    private static bool IsRepeated(string family, string version) =>
        family == "ConvolutionTraining" && version == nameof(GpuConvolutionVersion.Gemm64);

    internal static void Choose(GpuBackend backend, string family, string version)
    {
        var simple = Enum.TryParse(version, out GpuVersion parsed) ? parsed : GpuVersion.Auto;
        ((GpuAttention)backend.Attention).Version = Enum.TryParse(version, out GpuAttentionVersion attention) ? attention : default;
        ((GpuNormalization)backend.Normalization).Version = simple;
        ((GpuBatchNormalization)backend.BatchNormalization).Version = simple;
        ((GpuElementwise)backend.Elementwise).Version = simple;
        ((GpuReduction)backend.Reduction).Version = simple;
        ((GpuPooling)backend.Pooling).Version = simple;
        ((GpuResampler)backend.Resampling).Version = simple;
        ((GpuDataMovement)backend.Indexing).Version = simple;
        if (family is "Convolution" or "ConvolutionTraining")
        {
            ((GpuConvolution)backend.Convolution).Version = Enum.Parse<GpuConvolutionVersion>(version);
        }
        if (family == "MatrixProduct")
        {
            ((GpuMatrixProducts)backend.MatrixProduct).Version = Enum.Parse<GpuMatrixVersion>(version);
        }
    }

    /// <summary>The largest relative error of rounding a factor.</summary>
    internal static double Unit(Precision precision) => precision switch
    {
        Precision.Fp32 => 0,
        Precision.Bf16 => Math.Pow(2, -8),
        _ => Math.Pow(2, -11),
    };

    /// <summary>
    /// Factors with relative errors of up to <paramref name="unit"/>, equally distributed, move a sum of products by 0.8 units
    /// of its size (standard deviation); ten times that is allowed. Results in half precision are rounded once more.
    /// </summary>
    internal static string? Mismatch(KernelCase kernelCase, float[] actual, double unit, bool roundsResult)
    {
        float[] expected = KernelCases.Expected(kernelCase);
        double rounding = 8 * unit * Math.Max(1, Math.Sqrt(expected.Average(e => (double)e * e)));
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs((double)actual[i] - expected[i]);
            double relative = kernelCase.Rtol + (roundsResult ? unit : 0);
            if (!(error <= rounding + kernelCase.Atol + relative * Math.Abs(expected[i])))
            {
                return $"{kernelCase.Name}: value {i} of {expected.Length} is {actual[i]}, expected {expected[i]}";
            }
        }
        return null;
    }
}
