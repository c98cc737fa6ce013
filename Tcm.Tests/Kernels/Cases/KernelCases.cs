using System.Collections.Concurrent;
using Tcm.Tests.Kernels.Reference;

namespace Tcm.Tests.Kernels.Cases;

/// <summary>The case tables of all families, and what the reference makes of each case.</summary>
internal static class KernelCases
{
    private static readonly ConcurrentDictionary<string, float[]> expected = new();
    private static readonly ReferenceBackend reference = new();

    public static IReadOnlyDictionary<string, KernelCase[]> Families { get; } = new Dictionary<string, KernelCase[]>
    {
        ["Convolution"] = [.. ProductCases.Convolution()],
        ["Chains"] = [.. ChainCases.All()],
        ["ConvolutionTraining"] = [.. ConvolutionTrainingCases.All()],
        ["MatrixProduct"] = [.. ProductCases.MatrixProduct()],
        ["Attention"] = [.. AttentionCases.All()],
        ["Normalization"] = [.. RowCases.Normalization()],
        ["Elementwise"] = [.. ElementwiseCases.All()],
        ["Reduction"] = [.. RowCases.Reduction()],
        ["Pooling"] = [.. ImageCases.Pooling()],
        ["Resampling"] = [.. ImageCases.Resampling()],
        ["Indexing"] = [.. ImageCases.Indexing()],
        ["Images"] = [.. ImageCases.Images()],
        ["Gradients"] = [.. GradientCases.All()],
        ["Losses"] = [.. LossCases.All(), .. InstanceLossCases.All()],
        ["Optimizers"] = [.. OptimizerCases.All()],
    };

    public static float[] Expected(KernelCase kernelCase) => expected.GetOrAdd(kernelCase.Name, _ =>
    {
        using var loaded = new LoadedCase(kernelCase, reference);
        loaded.Run();
        return loaded.Output();
    });
}
