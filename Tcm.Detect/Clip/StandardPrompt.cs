namespace Tcm.Detect.Clip;

/// <summary>The prompt of all released TCM models, so that no vocabulary is needed to run them.</summary>
internal static class StandardPrompt
{
    public const string Text = "the pixels of many arbitrary-shape text instances.";

    /// <summary>Start token, 12 words, end token (tcm-model.md section 3.1).</summary>
    public static readonly int[] TokenIds =
        [49406, 518, 34099, 539, 1346, 22702, 856, 268, 6448, 4160, 1264, 3515, 269, 49407];
}
