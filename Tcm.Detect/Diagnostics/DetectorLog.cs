using Microsoft.Extensions.Logging;

namespace Tcm.Detect.Diagnostics;

/// <summary>
/// What a detector writes to its log. The numbers are part of the API (docs/api.md lists them): a new event gets a new one, and
/// none is given twice. Thread-safe.
/// </summary>
internal static partial class DetectorLog
{
    [LoggerMessage(1, LogLevel.Information, "{Head} model of {Weights} loaded in {Milliseconds:F0} ms on {Device}: {Description}")]
    public static partial void ModelLoaded(ILogger logger, string head, string weights, double milliseconds, string device,
        string description);

    [LoggerMessage(2, LogLevel.Information, "Warmed up for {Sizes} in {Milliseconds:F0} ms")]
    public static partial void WarmedUp(ILogger logger, string sizes, double milliseconds);

    [LoggerMessage(3, LogLevel.Debug, "{Picture}: {Regions} regions in {Milliseconds:F1} ms", SkipEnabledCheck = true)]
    public static partial void PictureDetected(ILogger logger, string picture, int regions, double milliseconds);

    [LoggerMessage(4, LogLevel.Warning, "{Picture} took {Milliseconds:F0} ms (preprocess {Preprocess:F0}, network {Network:F0}, "
        + "postprocess {Postprocess:F0}), {Regions} regions", SkipEnabledCheck = true)]
    public static partial void SlowPicture(ILogger logger, string picture, double milliseconds, double preprocess, double network,
        double postprocess, int regions);

    [LoggerMessage(5, LogLevel.Warning, "{Picture} refused: {Reason}")]
    public static partial void PictureRefused(ILogger logger, string picture, string reason);

    [LoggerMessage(6, LogLevel.Warning, "{Picture}: {LeftOut} regions beyond the limit of {MaxRegions} left out")]
    public static partial void RegionsLeftOut(ILogger logger, string picture, int leftOut, int maxRegions);

    [LoggerMessage(7, LogLevel.Warning, "{Picture} failed")]
    public static partial void PictureFailed(ILogger logger, Exception error, string picture);

    [LoggerMessage(8, LogLevel.Error, "{Picture} failed because of the device {Device}")]
    public static partial void DeviceFailed(ILogger logger, Exception error, string picture, string device);

    [LoggerMessage(9, LogLevel.Debug, "{Picture} cancelled")]
    public static partial void PictureCancelled(ILogger logger, string picture);

    [LoggerMessage(10, LogLevel.Debug, "Pooled memory given back: {Before} bytes before, {After} after")]
    public static partial void MemoryTrimmed(ILogger logger, long before, long after);

    [LoggerMessage(11, LogLevel.Debug, "Disposed, and no call is running any more")]
    public static partial void Disposed(ILogger logger);

    [LoggerMessage(12, LogLevel.Error, "The detector could not be loaded")]
    public static partial void LoadFailed(ILogger logger, Exception error);
}
