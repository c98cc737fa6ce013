using Tcm.Kernels;
using Tcm.Kernels.Attention;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;
using Tcm.Kernels.Normalization;
using Tcm.Kernels.Resampling;
using Tcm.Nn;
using Tcm.Tests.Gpu.Ptx;
using Tcm.Tests.Kernels.Cases;

namespace Tcm.Tests.Gpu;

/// <summary>
/// Every kernel of the catalogue runs, as the PTX that a GPU would load, and gives what the reference gives. The other tests have
/// more shapes, this one has every instantiation.
/// </summary>
[Collection(SimulatorCollection.Name)]
public sealed class KernelCoverageTests
{
    private static readonly string[] products = ["Convolution", "ConvolutionTraining", "MatrixProduct", "Chains"];

    private readonly HashSet<GpuKernel> _ran = [];
    private readonly List<string> _failures = [];

    [Fact]
    public void Every_kernel_runs_as_its_text()
    {
        foreach (string family in KernelCases.Families.Keys.Except(products))
        {
            foreach (string version in GpuParityTests.VersionsOf(family))
            {
                var precision = GpuParityTests.PrecisionOf(version);
                Run(family, version, GpuCases.Small(family, version).Concat(GpuCases.Tiles(family)).Where(c => c.Output <= 500
                    && (precision == Precision.Fp32 || !c.Name.Contains("Scale = 20", StringComparison.Ordinal))));
            }
        }
        foreach (string version in Enum.GetNames<GpuConvolutionVersion>())
        {
            bool half = GpuParityTests.IsHalf(version), tensor = GpuParityTests.PrecisionOf(version) != Precision.Fp32;
            foreach (int tile in tensor ? [0, 1, 2] : new[] { -1 })
            {
                foreach (int splits in tensor && tile == 2 ? [1, 2] : new[] { 1 })
                {
                    Run("Convolution", version, Convolutions(tensor), tile, splits);
                }
                if (!half && tile != 2)
                {
                    Run("ConvolutionTraining", version, Training(), tile);
                }
            }
        }
        foreach (string version in Enum.GetNames<GpuMatrixVersion>().Except([nameof(GpuMatrixVersion.Auto)]))
        {
            bool tensor = GpuParityTests.PrecisionOf(version) != Precision.Fp32;
            foreach (int tile in tensor ? [0, 1, 2] : new[] { -1 })
            {
                Run("MatrixProduct", version, Products(tensor), tile, tile == 2 ? 2 : 1);
            }
        }
        HalfImages();
        HalfTokens();
        Components();
        Peaks();
        Assert.True(_failures.Count == 0, string.Join(Environment.NewLine, _failures));
        string[] missing = [.. KernelCatalog.All.Except(_ran).Select(k => k.Name)];
        Assert.True(missing.Length == 0, $"{missing.Length} have not run:\n{string.Join('\n', missing)}");
    }

    /// <summary>Runs cases on a device of their own.</summary>
    private void Run(string family, string version, IEnumerable<KernelCase> cases, int tile = -1, int splits = 1)
    {
        using var backend = PtxLoader.Open();
        GpuParityTests.Choose(backend, family, version);
        ((GpuMatrixProducts)backend.MatrixProduct).TensorTile = tile;
        ((GpuConvolution)backend.Convolution).TensorTile = tile;
        backend.ForcedSplits = splits;
        // Aligned tensors take the 128-bit paths, the others must not.
        foreach (var (kernelCase, guard) in cases.SelectMany(c => new[] { (c, 40), (c, 37) }))
        {
            using var loaded = new LoadedCase(kernelCase, backend, guard);
            loaded.Run();
            if ((GpuParityTests.Mismatch(kernelCase, loaded.Output(), GpuParityTests.Unit(GpuParityTests.PrecisionOf(version)),
                GpuParityTests.IsHalf(version)) ?? loaded.Damage()) is { } failure)
            {
                _failures.Add($"{family} {version}, tile {tile}, {splits} parts: {failure}");
            }
        }
        _ran.UnionWith(backend.LoadedKernels);
    }

    /// <summary>Activations are arguments of kernels for tensor cores, and make kernels of their own of the others.</summary>
    private static IEnumerable<KernelCase> Convolutions(bool tensor)
    {
        foreach (var activation in tensor ? [Activation.Relu] : Enum.GetValues<Activation>())
        {
            yield return ProductCases.Convolve(new(5, 6, 3, 3, 1, 1), new(1, 4, 4), activation);
            yield return ProductCases.Convolve(new(20, 70, 1, 1), new(1, 2, 4), activation, residual: true);
            yield return ProductCases.Convolve(new(8, 8, 3, 3, 1, 1, 8), new(1, 4, 4), activation);
            yield return ProductCases.Convolve(new(5, 12, 3, 3, 1, 1), new(1, 4, 4), activation);
            yield return ProductCases.Transposed(40, 17, new(1, 2, 4), activation);
            yield return ProductCases.Transposed(20, 3, new(1, 2, 4), activation);
            yield return ProductCases.Convolve(new(20, 3, 1, 1), new(1, 2, 4), activation);
            yield return ProductCases.Convolve(new(20, 3, 3, 3, 1, 1), new(1, 2, 4), activation);
        }
    }

    private static IEnumerable<KernelCase> Training() =>
    [
        .. ConvolutionTrainingCases.Three(new(new(20, 12, 1, 1), new(1, 4, 4))),
        .. ConvolutionTrainingCases.Three(new(new(4, 8, 3, 3, 1, 1), new(1, 4, 4))),
        .. ConvolutionTrainingCases.Three(new(new(9, 6, 2, 2, 2), new(1, 4, 6))),
        .. ConvolutionTrainingCases.Three(new(new(6, 4, 3, 3, 1, 1, 2), new(1, 4, 4))),
    ];

    private static IEnumerable<KernelCase> Products(bool tensor)
    {
        foreach (var activation in tensor ? [Activation.Relu] : Enum.GetValues<Activation>())
        {
            yield return ProductCases.Linear(5, 12, 70, activation, bias: true, residual: true);
        }
        foreach (bool a in new[] { false, true })
        {
            foreach (bool b in new[] { false, true })
            {
                yield return ProductCases.Multiply(new(2, 12, 20, 68, a, b, 12 * 68, 20 * 68, 12 * 20));
            }
        }
    }

    /// <summary>HalfImageTests compare what comes out.</summary>
    private void HalfImages()
    {
        using var backend = PtxLoader.Open(Precision.Fp16);
        using var scope = TensorScope.Begin();
        Tensor Image(int channels, int h, int w) => Functional.ToHalfImage(
            Tensor.From(backend, KernelCase.Values(channels * h * w, 1), [1, channels, h, w]));
        Tensor x = Image(11, 4, 6), small = Image(11, 2, 3);
        Functional.AvgPool2d(x, 2).ToArray();
        Functional.Add(x, Image(11, 4, 6)).ToArray();
        foreach (var mode in Enum.GetValues<ResizeMode>())
        {
            Functional.Interpolate(x, 5, 7, mode).ToArray();
            Functional.ConcatResized([x, small], 4, 6, mode).ToArray();
        }
        Functional.Concat(x, x).ToArray();
        var picture = new Tensor(backend, [1, 3, 4, 6], TensorFormat.HalfImage);
        backend.HalfImages!.NormalizePad(new byte[3 * 4 * 5], 15, 4, 5, 4, 6, new(0, 0, 0, 1, 1, 1), picture.RawData);
        _ran.UnionWith(backend.LoadedKernels);
    }

    /// <summary>HalfTokenTests compare what comes out.</summary>
    private void HalfTokens()
    {
        foreach (bool naive in (bool[])[false, true])
        {
            using var backend = PtxLoader.Open(Precision.Fp16);
            ((GpuNormalization)backend.Normalization).Version = naive ? GpuVersion.Naive : GpuVersion.Auto;
            ((GpuAttention)backend.Attention).Version = naive ? GpuAttentionVersion.Naive : GpuAttentionVersion.Auto;
            using var scope = TensorScope.Begin();
            Tensor x = Functional.ToHalfTokens(Tensor.From(backend, KernelCase.Values(3 * 24, 1), [1, 3, 24]));
            Tensor vector = Tensor.From(backend, KernelCase.Values(24, 2), [24]), row = Functional.ToHalfTokens(vector);
            Functional.PackedAttention(x, 1).ToArray();
            Functional.LayerNorm(x, vector, vector).ToArray();
            Functional.Cosine(row.Reshape([1, 1, 24]), x).ToArray();
            Functional.Multiply(x, row).ToArray();
            Functional.GlobalMean(Functional.TokensToImage(x, 1, 3)).ToArray();
            _ran.UnionWith(backend.LoadedKernels);
        }
    }

    /// <summary>ConnectedComponentTests compare what comes out.</summary>
    private void Components()
    {
        using var backend = PtxLoader.Open();
        const int h = 5, w = 7;
        using var x = backend.Allocate(h * w);
        using var labels = backend.Allocate(h * w);
        backend.Upload(KernelCase.Values(h * w, 1), x.All);
        backend.Components.Label(h, w, 0.3f, x.All, labels.All);
        var layout = new Tcm.Kernels.Components.ComponentLayout(h, w);
        using var report = backend.Allocate(layout.Length);
        backend.Components.Report(layout, 0.3f, x.All, report.All);
        _ran.UnionWith(backend.LoadedKernels);
    }

    /// <summary>What the benchmark measures by: x a + b from the thread's number on.</summary>
    private void Peaks()
    {
        using var backend = PtxLoader.Open();
        using var y = backend.Allocate(256);
        foreach (var kernel in (GpuKernel<PeakArgs>[])[PeakKernels.ChainsKernel, .. PeakKernels.TensorKernels])
        {
            backend.Launch(kernel, 1, new PeakArgs { Y = GpuBackend.View(y.All), Factor = 1, Term = 1, Steps = 2 });
            var values = new float[256];
            backend.Download(y.All, values);
            Assert.Equal(!ReferenceEquals(kernel, PeakKernels.ChainsKernel) ? values[3]
                : 8 * (3 + PeakKernels.PerStep / 8 * 2) + 28, values[3]);
        }
        _ran.UnionWith(backend.LoadedKernels);
    }
}
