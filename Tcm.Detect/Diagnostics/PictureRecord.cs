using System.Diagnostics;

namespace Tcm.Detect.Diagnostics;

/// <summary>What is watched of one picture; ends with one call. A value, free to share between threads.</summary>
/// <param name="Monitor">Of its detector.</param>
/// <param name="Span">Its span, if somebody listens.</param>
/// <param name="Id">What its source calls it, if it has one.</param>
/// <param name="Width">Columns; 0 where they are not known yet.</param>
/// <param name="Height">Rows; 0 where they are not known yet.</param>
internal readonly record struct PictureRecord(DetectorMonitor Monitor, Activity? Span, string? Id, int Width, int Height)
{
    /// <summary>It has a result.</summary>
    public void Succeed(DetectionResult result) => Monitor.Succeeded(this, result);

    /// <summary>It has none.</summary>
    public void Fail(Exception error) => Monitor.Failed(this, error);

    /// <summary>Nobody wants it any more.</summary>
    public void Abandon() => Span?.Stop();
}
