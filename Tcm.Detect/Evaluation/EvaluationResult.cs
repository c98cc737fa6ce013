using System.Numerics;

namespace Tcm.Detect.Evaluation;

/// <summary>A detection to be judged. Immutable; safe to share between threads.</summary>
/// <param name="Polygon">Outline in pixels of the picture.</param>
/// <param name="Score">Confidence, or null in a fixed set of detections.</param>
public sealed record Detection(IReadOnlyList<Vector2> Polygon, double? Score);

/// <summary>What became of a detection.</summary>
public enum Verdict
{
    /// <summary>It matches a text that counts.</summary>
    Hit,
    /// <summary>It matches nothing.</summary>
    FalsePositive,
    /// <summary>It lies on don't-care text.</summary>
    Ignored,
}

/// <summary>One picture at the threshold of the result. Immutable; safe to share between threads.</summary>
/// <param name="Name">The picture.</param>
/// <param name="Matched">Texts that were found.</param>
/// <param name="CareGroundTruths">Texts that count.</param>
/// <param name="CareDetections">Detections that count.</param>
/// <param name="Detections">The detections above the threshold with their verdicts.</param>
/// <param name="Missed">Texts that count and were not found.</param>
public sealed record ImageResult(string Name, int Matched, int CareGroundTruths, int CareDetections,
    IReadOnlyList<(Detection Detection, Verdict Verdict)> Detections, IReadOnlyList<IReadOnlyList<Vector2>> Missed)
{
    /// <summary>Share of texts that were found.</summary>
    public double Recall => Ratios.Recall(Matched, CareGroundTruths);

    /// <summary>Share of detections that are right.</summary>
    public double Precision => Ratios.Precision(Matched, CareGroundTruths, CareDetections);

    /// <summary>Harmonic mean of both.</summary>
    public double Hmean => Ratios.Hmean(Recall, Precision);
}

/// <summary>A dataset at one threshold. Immutable; safe to share between threads.</summary>
/// <param name="Threshold">Detections with this score or more count; null for a fixed set.</param>
/// <param name="Images">Every picture.</param>
public sealed record EvaluationResult(double? Threshold, IReadOnlyList<ImageResult> Images)
{
    /// <summary>Texts that were found.</summary>
    public int Matched { get; } = Images.Sum(i => i.Matched);

    /// <summary>Texts that count.</summary>
    public int CareGroundTruths { get; } = Images.Sum(i => i.CareGroundTruths);

    /// <summary>Detections that count.</summary>
    public int CareDetections { get; } = Images.Sum(i => i.CareDetections);

    /// <summary>Share of texts that were found.</summary>
    public double Recall => Ratios.Recall(Matched, CareGroundTruths);

    /// <summary>Share of detections that are right.</summary>
    public double Precision => Ratios.Precision(Matched, CareGroundTruths, CareDetections);

    /// <summary>Harmonic mean of both: the F-measure.</summary>
    public double Hmean => Ratios.Hmean(Recall, Precision);
}

/// <summary>The special cases of the protocol: no text, no detections.</summary>
internal static class Ratios
{
    public static double Recall(int matched, int texts) => texts == 0 ? 1 : (double)matched / texts;

    public static double Precision(int matched, int texts, int detections) =>
        texts == 0 ? (detections == 0 ? 1 : 0) : detections == 0 ? 0 : (double)matched / detections;

    public static double Hmean(double recall, double precision) =>
        recall + precision == 0 ? 0 : 2 * recall * precision / (recall + precision);
}
