using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Kernels.Attention;
using Tcm.Kernels.Cpu;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.HalfImages;
using Tcm.Kernels.Indexing;
using Tcm.Kernels.MatrixProduct;
using Tcm.Kernels.Normalization;
using Tcm.Kernels.Resampling;
using Tcm.Nn;
using Tcm.Tests.Checkpoints;
using Tcm.Tests.Kernels.Cases;
using static Tcm.Tests.Gpu.HalfValues;

namespace Tcm.Tests.Gpu;

/// <summary>
/// Tokens in half precision, on the simulator and on a GPU where there is one, held against the CPU's operations on floats.
/// </summary>
[Collection(SimulatorCollection.Name)]
public sealed class HalfTokenTests
{
    /// <summary>What FP32 sums in another order may change.</summary>
    private const double Sums = 5e-6;

    private const string Simulator = "simulator", Gpu = "cuda:0";

    [Theory]
    [InlineData(Simulator)]
    [InlineData(Gpu)]
    public void Sums_products_and_copies_agree(string device)
    {
        using var backend = Half(device);
        using var cpu = new CpuBackend(1);
        // 11 channels: a chunk that is full and one that is not.
        Tensor x = Tokens(backend, [2, 3, 11], 1), same = Tokens(backend, [2, 3, 11], 2), row = Tokens(backend, [3, 11], 3);
        Tensor vector = Tokens(backend, [11], 4), each = Tokens(backend, [2, 11], 5), image = Image(backend, [2, 11, 2, 3], 6);
        Tensor one = Image(backend, [1, 11, 2, 3], 7);
        Both(Functional.Add, x, same);
        Both(Functional.Multiply, x, same);
        Both(Functional.Add, x, row);
        Both(Functional.Multiply, x, vector);
        Both((a, b) => Functional.AddScaled(a, b, 0.37f), x, same);
        Both(Functional.AddToTokens, x, each);
        Both(Functional.Add, image, one);
        Both(Functional.Concat, x, same);
        Both((a, b) => Functional.Repeat(Functional.Narrow(Functional.Concat(a, b), 2, 3), 2), x, same);
        // A first operand in half precision decides.
        Equal(Functional.Concat(OnCpu(cpu, x), OnCpu(cpu, same)), Functional.Concat(x, Functional.ToFloat(same)), x.Format);
        Equal(Functional.GlobalMean(OnCpu(cpu, image)), Functional.GlobalMean(image), x.Format);
        var wide = Image(backend, [2, 70, 5, 5], 8);
        Equal(Functional.GlobalMean(OnCpu(cpu, wide)), Functional.GlobalMean(wide), x.Format);

        void Both(Func<Tensor, Tensor, Tensor> operation, Tensor a, Tensor b) =>
            Equal(operation(OnCpu(cpu, a), OnCpu(cpu, b)), operation(a, b), a.Format);
    }

    [Fact]
    public void Views_need_no_copy()
    {
        using var backend = Half();
        using var cpu = new CpuBackend(1);
        var image = Image(backend, [2, 11, 2, 3], 1);
        var tokens = Functional.ImageToTokens(image);
        Assert.Equal(image.RawData, tokens.RawData);
        Equal(Functional.ImageToTokens(OnCpu(cpu, image)), tokens, TensorFormat.HalfTokens);
        Equal(OnCpu(cpu, image), Functional.TokensToImage(tokens, 2, 3), TensorFormat.HalfImage);
        Equal(OnCpu(cpu, tokens).Reshape([12, 11]), tokens.Reshape([12, 11]), TensorFormat.HalfTokens);
        var wide = Tokens(backend, [3, 16], 2);
        Equal(OnCpu(cpu, wide).Reshape([3, 2, 8]), wide.Reshape([3, 2, 8]), TensorFormat.HalfTokens);
    }

    [Fact]
    public void What_has_no_version_is_refused()
    {
        using var backend = Half();
        Tensor x = Tokens(backend, [2, 3, 12], 1), floats = Tensor.From(backend, new float[72], [2, 3, 12]);
        foreach (Func<object> misuse in (Func<object>[])[() => x.Data, () => x.Reshape([2, 6, 6]), () => x.Reshape([72]),
            () => Functional.Add(x, floats), () => Functional.Add(floats, x), () => Functional.Subtract(x, x),
            () => Functional.Multiply(x, Tokens(backend, [2, 12], 1)), () => Functional.Transpose(x), () => Functional.Softmax(x),
            () => Functional.L2Normalize(x), () => Functional.MatMul(x, x, true), () => Functional.Affine(x, 2),
            () => Functional.Narrow(Tokens(backend, [2, 12], 1), 0, 1), () => Functional.TokensToImage(x, 2, 3),
            () => new Tensor(backend, [], TensorFormat.HalfTokens)])
        {
            Assert.Throws<ShapeException>(misuse);
        }
        using var cpu = new CpuBackend(1);
        Assert.Throws<DeviceException>(() => Functional.ToHalfTokens(Tensor.From(cpu, [1], [1])));
    }

    [Theory]
    [InlineData(Simulator, true)]
    [InlineData(Simulator, false)]
    [InlineData(Gpu, true)]
    [InlineData(Gpu, false)]
    public void Rows_are_normalised_in_floats(string device, bool naive)
    {
        using var backend = Half(device);
        ((GpuNormalization)backend.Normalization).Version = naive ? GpuVersion.Naive : GpuVersion.Auto;
        using var cpu = new CpuBackend(1);
        // Fewer chunks than lanes, and more; rows for a group and one more.
        foreach (var (rows, columns) in ((int, int)[])[(5, 19), (2, 264)])
        {
            Tensor x = Tokens(backend, [1, rows, columns], 1), t = Tokens(backend, [1, 1, columns], 2);
            float[] gamma = KernelCase.Values(columns, 3), beta = KernelCase.Values(columns, 4);
            Equal(Functional.LayerNorm(OnCpu(cpu, x), Tensor.From(cpu, gamma, [columns]), Tensor.From(cpu, beta, [columns])),
                Functional.LayerNorm(x, Tensor.From(backend, gamma, [columns]), Tensor.From(backend, beta, [columns])), x.Format);
            Equal(Functional.Cosine(OnCpu(cpu, t), OnCpu(cpu, x)), Functional.Cosine(t, x), TensorFormat.Float);
        }
        Tensor images = Tokens(backend, [2, 3, 9], 5), texts = Tokens(backend, [2, 1, 9], 6);
        Equal(Functional.Cosine(OnCpu(cpu, texts), OnCpu(cpu, images)), Functional.Cosine(texts, images), TensorFormat.Float);
        Assert.Equal(naive, backend.LoadedKernels.Any(k => ReferenceEquals(k, HalfRowKernels.CosineNaiveKernel)));
    }

    [Theory]
    [InlineData(Simulator, HalfGemmKernels.NoTile)]
    [InlineData(Simulator, 2)]
    [InlineData(Gpu, HalfGemmKernels.NoTile)]
    [InlineData(Gpu, 2)]
    public void Linear_layers_agree(string device, int tile)
    {
        using var backend = Half(device);
        ((GpuMatrixProducts)backend.MatrixProduct).TensorTile = tile;
        using var cpu = new CpuBackend(1);
        float[] weight = Coarse(10 * 19, 1), bias = Coarse(10, 2);
        Tensor x = Tokens(backend, [2, 3, 19], 3), skip = Tokens(backend, [2, 3, 10], 4);
        foreach (var activation in (Activation[])[Activation.None, Activation.Gelu, Activation.QuickGelu])
        {
            Equal(Run(cpu, OnCpu(cpu, x), OnCpu(cpu, skip), activation), Run(backend, x, skip, activation), x.Format);
            Equal(Run(cpu, OnCpu(cpu, x), null, activation), Run(backend, x, null, activation), x.Format);
        }

        Tensor Run(Backend b, Tensor input, Tensor? residual, Activation activation)
        {
            using var prepared = b.MatrixProduct.Prepare(10, 19, weight, bias, activation);
            if (b.HalfImages is not null)
            {
                return Functional.HalfLinear(prepared, input, residual, [2, 3, 10]);
            }
            var y = new Tensor(b, [2, 3, 10]);
            b.MatrixProduct.Linear(prepared, 6, input.Data, y.Data, residual?.Data);
            return y;
        }
    }

    /// <summary>On tensor cores (flash) or not.</summary>
    [Theory]
    [InlineData(Simulator, true)]
    [InlineData(Simulator, false)]
    [InlineData(Gpu, true)]
    [InlineData(Gpu, false)]
    public void Attention_is_exact_but_for_weights_and_result(string device, bool flash)
    {
        using var backend = Half(device);
        ((GpuAttention)backend.Attention).Version = flash ? GpuAttentionVersion.Auto : GpuAttentionVersion.Naive;
        using var cpu = new CpuBackend(1);
        // Heads, their width, queries, keys (0: of the queries, causal).
        (int, int, int, int)[] shapes = flash
            // Two blocks of queries and three tiles of keys with edges in both; two narrow heads.
            ? [(1, 64, 66, 0), (2, 8, 5, 20)]
            // The last two have parts of a row that begin within a chunk, which go through floats.
            : [(2, 8, 5, 41), (8, 2, 7, 0), (3, 2, 4, 0), (3, 2, 4, 5)];
        foreach (var (heads, headDim, queries, keys) in shapes)
        {
            int width = heads * headDim;
            Tensor q = Tokens(backend, [1, queries, keys == 0 ? 3 * width : width], 1);
            Tensor kv = Tokens(backend, [1, Math.Max(keys, 1), 2 * width], 2);
            Tensor expected = Run(OnCpu(cpu, q), OnCpu(cpu, kv)), actual = Run(q, kv);
            Assert.Equal(TensorFormat.HalfTokens, actual.Format);
            // One unit of a weight, weights that sum to 1, values of up to 1, in the result and in its divisor; then the result's own.
            Close(expected, actual, Unit, flash ? 2 * Unit : Sums);

            Tensor Run(Tensor x, Tensor memory) => keys == 0 ? Functional.PackedAttention(x, heads, causal: true)
                : Functional.CrossAttention(x, memory, heads);
        }
        Assert.Equal(flash, backend.LoadedKernels.Any(k => k.Method.Name == nameof(HalfAttentionKernels.FlashHalf)));
    }

    /// <summary>
    /// Everything between the last stage and the score map, by variation: that every tensor with a name is in half precision, that
    /// no operation on floats ran, and that the score is the CPU's.
    /// </summary>
    [Theory]
    [InlineData(Simulator, "tiny")]
    [InlineData(Simulator, "no language prompt")]
    [InlineData(Simulator, "no context decoder")]
    [InlineData(Simulator, "cached text")]
    [InlineData(Simulator, "scaled")]
    [InlineData(Simulator, "FastTCM")]
    [InlineData(Gpu, "tiny")]
    [InlineData(Gpu, "FastTCM")]
    public void The_text_branch_stays_in_half_precision(string device, string variation)
    {
        var config = ConfigVariationTests.Variations[variation];
        using var weights = new FormulaWeights(config);
        using var cpu = new CpuBackend(1);
        using var gpu = Half(device);
        float[] stage = Coarse(2 * config.BackboneChannels * 6, 9);
        var recorder = new FormatRecorder(all: true);
        float[] expected = Run(cpu, x => x, null), actual = Run(gpu, Functional.ToHalfImage, recorder);
        double error = expected.Zip(actual, (e, a) => Math.Abs((double)e - a)).Max();
        double range = expected.Max() - expected.Min();
        Assert.True(error <= 0.01 * range, $"differs by {error}, range {range}");
        Assert.All(recorder.Formats, f => Assert.Equal(f.Key switch
        {
            "S" => TensorFormat.Float,
            "V" or "dV" or "V2" => TensorFormat.HalfImage,
            _ => TensorFormat.HalfTokens,
        }, f.Value));
        Assert.All(["g", "V", "t", "V2", "t2", "S"], name => Assert.Contains(name, recorder.Formats));
        Assert.Equal(config.VisualPrompt, recorder.Formats.ContainsKey("dV"));
        Assert.Equal(config.ContextDecoder, recorder.Formats.ContainsKey("dt"));
        Assert.Equal(config is { LanguagePrompt: true, FastTcm: false }, recorder.Formats.ContainsKey("cc"));
        // FastTCM compares one vector of a picture with the text, in floats.
        Type[] floats = config.FastTcm ? [typeof(AttentionKernels), typeof(ResamplingKernels)]
            : [typeof(AttentionKernels), typeof(ResamplingKernels), typeof(MatrixKernels), typeof(NormalizationKernels)];
        Assert.DoesNotContain(gpu.LoadedKernels, k => floats.Contains(k.Method.DeclaringType)
            || k.Method.Name.StartsWith(nameof(DataMovementKernels.Transpose), StringComparison.Ordinal));

        float[] Run(Backend backend, Func<Tensor, Tensor> convert, ForwardObserver? observer)
        {
            using var scope = TensorScope.Begin();
            using var branch = new TextBranch(new Weights(weights, backend), config);
            var x = convert(Tensor.From(backend, stage, [2, config.BackboneChannels, 2, 3]));
            return branch.ScoreMap(x, observer).ToArray();
        }
    }

    private static GpuBackend Half(string device = Simulator) => GpuParityTests.Open(device, Precision.Fp16);

    private static void Equal(Tensor expected, Tensor actual, TensorFormat format)
    {
        Assert.Equal(format, actual.Format);
        Close(expected, actual, format == TensorFormat.Float ? 0 : Unit, Sums);
    }
}
