using Tcm.Detect.Datasets;
using Tcm.Kernels.Images;

namespace Tcm.Detect.Training.Augmentation;

/// <summary>Draws one variant of a sample on a canvas (3,side,side) and returns its labels in pixels of the canvas. The same
/// state of <paramref name="random"/> gives the same variant. Thread-safe.</summary>
internal delegate IReadOnlyList<TextAnnotation> AugmentationPipeline(Sample sample, AugmentationSection options,
    ChannelNormalization normalization, SeededRandom random, Span<float> canvas);

/// <summary>The pipelines that a recipe can name; each may be used with any head.</summary>
internal static class AugmentationPipelines
{
    /// <summary>By the name in <see cref="AugmentationSection.Pipeline"/>.</summary>
    public static IReadOnlyDictionary<string, AugmentationPipeline> All { get; } = new Dictionary<string, AugmentationPipeline>
    {
        ["db"] = DbAugmentation.Apply,
        ["pan"] = PanAugmentation.Apply,
        ["fce"] = FceAugmentation.Apply,
    };
}
