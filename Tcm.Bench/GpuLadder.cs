using System.Diagnostics;
using Tcm.Kernels;
using Tcm.Kernels.Attention;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.HalfImages;
using Tcm.Kernels.Indexing;
using Tcm.Kernels.MatrixProduct;
using Tcm.Kernels.Normalization;
using Tcm.Kernels.Pooling;
using Tcm.Kernels.Reduction;
using Tcm.Kernels.Resampling;

namespace Tcm.Bench;

/// <summary>The rungs of a GPU's kernels, and the ceiling that their arithmetic is held against.</summary>
internal static class GpuLadder
{
    /// <summary>Every version that some family has on this device, the readable ones first and the default last.</summary>
    public static IReadOnlyList<string> Rungs(GpuBackend backend) =>
        [.. Enum.GetNames<GpuConvolutionVersion>().Union(Enum.GetNames<GpuMatrixVersion>())
            .Union(Enum.GetNames<GpuAttentionVersion>())
            .Where(r => r != "Auto" && backend.Supports(PrecisionOf(r))), "Auto"];

    /// <summary>What a version rounds its factors to.</summary>
    public static Precision PrecisionOf(string rung) => IsHalf(rung) ? Precision.Fp16
        : Enum.TryParse(rung, out Precision precision) ? precision : Precision.Fp32;

    /// <summary>Whether images and tokens are in half precision.</summary>
    public static bool IsHalf(string rung) =>
        rung is nameof(GpuConvolutionVersion.Half) or nameof(GpuConvolutionVersion.HalfNaive);

    /// <summary>Makes the families that have this version use it, the others their default.</summary>
    /// <returns>Whether a family has the version.</returns>
    public static Func<string, bool> Choose(GpuBackend backend, string rung)
    {
        bool convolution = Enum.TryParse(rung, out GpuConvolutionVersion convolutions);
        bool matrix = Enum.TryParse(rung, out GpuMatrixVersion products);
        bool simple = Enum.TryParse(rung, out GpuVersion version);
        ((GpuConvolution)backend.Convolution).Version = convolution ? convolutions : default;
        ((GpuMatrixProducts)backend.MatrixProduct).Version = matrix ? products : default;
        var others = simple ? version : default;
        bool attention = Enum.TryParse(rung, out GpuAttentionVersion attentions);
        ((GpuAttention)backend.Attention).Version = attention ? attentions : default;
        ((GpuNormalization)backend.Normalization).Version = others;
        ((GpuElementwise)backend.Elementwise).Version = others;
        ((GpuReduction)backend.Reduction).Version = others;
        ((GpuPooling)backend.Pooling).Version = others;
        ((GpuResampler)backend.Resampling).Version = others;
        ((GpuDataMovement)backend.Indexing).Version = others;
        bool half = IsHalf(rung), naive = rung == nameof(GpuConvolutionVersion.HalfNaive);
        if (half)
        {
            ((GpuMatrixProducts)backend.MatrixProduct).Version = GpuMatrixVersion.Fp16;
            ((GpuAttention)backend.Attention).Version = naive ? GpuAttentionVersion.Naive : default;
            ((GpuNormalization)backend.Normalization).Version = naive ? GpuVersion.Naive : default;
        }
        ((GpuMatrixProducts)backend.MatrixProduct).TensorTile = naive ? HalfGemmKernels.NoTile : -1;
        return family => family switch
        {
            "multiply" or "linear" or "attention" or "normalization" when half => true,
            "convolution" => convolution,
            "linear" or "multiply" => matrix,
            "attention" => attention,
            "images" => rung == nameof(GpuVersion.Auto),
            _ => simple,
        };
    }

    /// <summary>
    /// GFLOP/s of multiply-adds on registers alone, on tensor cores in a precision that needs them; the best of a few launches, a
    /// multiply-add counts as two.
    /// </summary>
    public static double PeakGflops(GpuBackend backend, Precision precision)
    {
        const int steps = 4096, groupsEach = 16, repeats = 5;
        var kernel = precision == Precision.Fp32 ? PeakKernels.ChainsKernel : PeakKernels.TensorKernels[precision - Precision.Tf32];
        int groups = backend.Multiprocessors * groupsEach, threads = kernel.GroupSize;
        // A fragment is 16x8 results over 32 bytes of k; a warp's.
        double perStep = precision == Precision.Fp32 ? PeakKernels.PerStep
            : PeakKernels.FragmentsPerStep * 16 * 8 * 2.0 * TensorFormats.ChunkValues(precision) / 32;
        using var y = backend.Allocate((long)groups * threads);
        double best = 0;
        for (int i = 0; i <= repeats; i++)
        {
            backend.Synchronize();
            long start = Stopwatch.GetTimestamp();
            backend.Launch(kernel, groups,
                new PeakArgs { Y = GpuBackend.View(y.All), Factor = 0.999999f, Term = 1e-6f, Steps = steps });
            backend.Synchronize();
            double rate = 2e-9 * steps * perStep * groups * threads / Stopwatch.GetElapsedTime(start).TotalSeconds;
            // The first launch compiles.
            best = i == 0 ? 0 : Math.Max(best, rate);
        }
        return best;
    }
}
