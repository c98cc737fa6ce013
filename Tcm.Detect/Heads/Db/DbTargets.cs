using Tcm.Detect.Datasets;

namespace Tcm.Detect.Heads.Db;

/// <summary>Target maps of DBNet; being written.</summary>
internal static class DbTargets
{
    public static void Draw(IReadOnlyList<TextAnnotation> texts, int height, int width, Span<float> shrink,
        Span<float> shrinkMask, Span<float> threshold, Span<float> thresholdMask) => throw new NotSupportedException();
}
