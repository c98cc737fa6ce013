using Tcm.Detect.Preprocessing;

namespace Tcm.Detect;

/// <summary>Wall-clock milliseconds of the stages of one detection. Immutable; a value, free to share between threads.</summary>
/// <param name="Preprocess">Resize, normalise, pad.</param>
/// <param name="Network">The forward pass, until its result is in host memory; of a batch, this picture's equal share.</param>
/// <param name="Postprocess">From the probability map to polygons.</param>
public readonly record struct DetectionTimings(double Preprocess, double Network, double Postprocess)
{
    /// <summary>Sum of the stages.</summary>
    public double Total => Preprocess + Network + Postprocess;
}

/// <summary>What was found in one picture. Immutable; safe to share between threads.</summary>
/// <param name="Width">Columns of the picture.</param>
/// <param name="Height">Rows of the picture.</param>
/// <param name="Regions">Pieces of text, in the order of <see cref="TextDetectorOptions.Order"/>.</param>
/// <param name="Timings">How long it took.</param>
public sealed record DetectionResult(int Width, int Height, IReadOnlyList<TextRegion> Regions, DetectionTimings Timings)
{
    /// <summary>What the network saw: the size after the resize, before and after padding, and the two scale factors.</summary>
    public NetworkSize NetworkSize { get; init; }

    /// <summary>Regions that were found beyond <see cref="DetectorLimits.MaxRegions"/>.</summary>
    public int RegionsLeftOut { get; init; }
}
