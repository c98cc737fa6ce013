using Tcm.Kernels;
using Tcm.Kernels.Convolution;
using Tcm.Tests.Kernels.Cases;

namespace Tcm.Tests.Gpu;

/// <summary>
/// What the simulator runs: the small cases of the shared tables, and shapes on both sides of the kernels' tiles (64, 128,
/// 16 deep; 32 queries) whose widths are multiples of 4, so that the 128-bit paths run.
/// </summary>
internal static class GpuCases
{
    private const int MaxOutput = 6000, MaxInput = 20_000;

    // Three operations of each shape make many training cases; most gradients sum over groups, with many barriers.
    private const int MaxTraining = 1200, MaxGradient = 1500;

    /// <summary>The small cases of the shared table; where 128x128 blocks would only repeat them, none.</summary>
    public static IEnumerable<KernelCase> Small(string family, string version) =>
        family == "ConvolutionTraining" && version == nameof(GpuConvolutionVersion.Gemm128) ? [] : KernelCases.Families[family]
            .Where(c => c.Output <= (family == "Gradients" ? MaxGradient : MaxOutput)
                && c.Inputs.Sum() <= (family == "ConvolutionTraining" ? MaxTraining : MaxInput));

    /// <summary>Shapes around the tiles of the GPU kernels.</summary>
    public static IEnumerable<KernelCase> Tiles(string family) => tiles.GetValueOrDefault(family, []);

    private static readonly Dictionary<string, KernelCase[]> tiles = new()
    {
        ["Convolution"] =
        [
            ProductCases.Convolve(new(20, 70, 1, 1), new(2, 6, 12), Activation.Relu, residual: true),
            ProductCases.Convolve(new(16, 16, 1, 1, 1, 0, 2), new(1, 4, 5), Activation.Gelu),
            ProductCases.Convolve(new(5, 66, 3, 3, 1, 1), new(2, 6, 6), Activation.Relu, residual: true, gap: 8),
            ProductCases.Convolve(new(4, 8, 3, 3, 2, 1), new(1, 16, 16), bias: false),
            ProductCases.Convolve(new(2, 3, 33, 2), new(1, 34, 4)),
            ProductCases.Convolve(new(6, 6, 3, 3, 2, 1, 6), new(2, 8, 9), Activation.QuickGelu, residual: true),
            ProductCases.Transposed(16, 17, new(2, 4, 6), Activation.Gelu),
            TransposedWithResidual(),
        ],
        ["ConvolutionTraining"] =
        [
            .. ConvolutionTrainingCases.Three(new(new(20, 70, 1, 1), new(3, 4, 6))),
            .. ConvolutionTrainingCases.Three(new(new(68, 16, 1, 1), new(3, 4, 4))),
            .. ConvolutionTrainingCases.Three(new(new(16, 16, 1, 1, 1, 0, 2), new(2, 4, 5))),
            .. ConvolutionTrainingCases.Three(new(new(5, 66, 2, 1), new(2, 7, 6))),
            .. ConvolutionTrainingCases.Three(new(new(68, 4, 1, 2), new(1, 4, 9))),
            .. ConvolutionTrainingCases.Three(new(new(4, 8, 3, 3, 2, 1), new(2, 8, 8))),
            .. ConvolutionTrainingCases.Three(new(new(16, 24, 1, 3, 1, 1, 2), new(2, 4, 5))),
            .. ConvolutionTrainingCases.Three(new(new(17, 16, 2, 2, 2), new(2, 4, 12))),
            .. ConvolutionTrainingCases.Three(new(new(2, 3, 33, 2), new(1, 34, 4))),
        ],
        ["MatrixProduct"] =
        [
            ProductCases.Linear(65, 68, 20, Activation.QuickGelu, bias: true, residual: true),
            ProductCases.Linear(3, 132, 32, Activation.Sigmoid, bias: false, residual: false),
            .. from a in new[] { false, true }
               from b in new[] { false, true }
               select ProductCases.Multiply(new(2, 68, 132, 20, a, b, 68 * 20, 132 * 20, 68 * 132)),
        ],
        ["Attention"] =
        [
            AttentionCases.Packed(1, 2, 33, 64, causal: true),
            AttentionCases.Separate(new(1, 1, 5, 40, 128, 0.09f, false, 128, 128, 128)),
            AttentionCases.Separate(new(1, 1, 3, 9, 99, 0.1f, false, 99, 99, 99)),
            AttentionCases.Separate(new(1, 1, 2, 3, 130, 0.1f, false, 130, 130, 130)),
            AttentionCases.Separate(new(2, 2, 34, 5, 12, 0.3f, false, 24, 24, 24)),
        ],
        ["Gradients"] =
        [
            GradientCases.PackedAttention(1, 2, 36, 64, causal: true),
            GradientCases.CrossAttention(new(2, 1, 34, 5, 12, 0.3f, false, 12, 24, 24)),
            GradientCases.CrossAttention(new(1, 1, 3, 40, 66, 0.1f, false, 66, 132, 132)),
            GradientCases.CrossAttention(new(1, 1, 5, 70, 7, 0.4f, false, 7, 14, 14)),
            .. GradientCases.Rows(2, 130),
            GradientCases.LayerNorm(130, 3),
            .. GradientCases.BatchNorm(5, 1, 821, training: true, Activation.Relu),
        ],
    };

    /// <summary>The only operation whose residual the shared tables leave out.</summary>
    private static KernelCase TransposedWithResidual()
    {
        float[] weight = KernelCase.Values(5 * 3 * 4, 1), bias = KernelCase.Values(3, 2);
        return new("ConvTranspose2d 5->3 with a residual", [5 * 2 * 3, 3 * 4 * 6], 3 * 4 * 6,
            (b, prepared, s, y) => b.Convolution.Run((PreparedConvolution)prepared!, new(1, 2, 3), s[0], y, s[1]))
        { Prepare = b => b.Convolution.PrepareTransposed2x2(5, 3, weight, bias, Activation.Relu), InPlace = 1 };
    }
}
