using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Tcm.Detect.Diagnostics;

/// <summary>
/// Traces and metrics of all detectors of the process, for OpenTelemetry or any other listener of .NET; <c>docs/api.md</c> lists
/// spans, instruments, units and tags. Without a listener they cost a few comparisons a picture. Thread-safe.
/// </summary>
public static class DetectorTelemetry
{
    /// <summary>Name of the <see cref="ActivitySource"/>.</summary>
    public const string ActivitySourceName = "Tcm.Detect";

    /// <summary>Name of the <see cref="Meter"/>.</summary>
    public const string MeterName = "Tcm.Detect";

    internal const string ErrorTag = "error.type";
    internal const string StageTag = "tcm.stage";
    internal const string DeviceTag = "tcm.device";
    internal const string DetectorTag = "tcm.detector";

    // From a small picture on a GPU to a full-size network on a CPU with others waiting.
    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    };

    private static readonly Meter Meter = new(MeterName, Version);

    internal static ActivitySource Source { get; } = new(ActivitySourceName, Version);

    internal static Counter<long> Pictures { get; } =
        Meter.CreateCounter<long>("tcm.detect.pictures", "{picture}", "Pictures in which text was looked for, without failures.");

    internal static Counter<long> Failures { get; } =
        Meter.CreateCounter<long>("tcm.detect.failures", "{picture}", "Pictures without a result, cancelled ones included.");

    internal static Counter<long> Regions { get; } =
        Meter.CreateCounter<long>("tcm.detect.regions", "{region}", "Pieces of text that were found.");

    internal static Counter<long> Pixels { get; } =
        Meter.CreateCounter<long>("tcm.detect.pixels", "{pixel}", "Pixels of the pictures as they were given.");

    internal static Histogram<double> Duration { get; } =
        Meter.CreateHistogram("tcm.detect.duration", "s", "Time of a picture in all stages.", null, Seconds);

    internal static Histogram<double> StageDuration { get; } =
        Meter.CreateHistogram("tcm.detect.stage.duration", "s", "Time of a picture in one stage.", null, Seconds);

    internal static ObservableGauge<long> Memory { get; } = Meter.CreateObservableGauge("tcm.detect.memory", DetectorMonitor.MemoryNow,
        "By", "Memory of the devices' pools: lent, or kept for reuse.");

    private static string? Version => typeof(DetectorTelemetry).Assembly.GetName().Version?.ToString(3);

    /// <summary>
    /// Begins a span of a stage below that of its picture, and makes it the current one; null without the latter.
    /// </summary>
    internal static Activity? StartStage(string stage, Activity? picture) => picture is null
        ? null
        : Source.StartActivity($"tcm.{stage}", ActivityKind.Internal, picture.Context);

    /// <summary>Begins a span of a stage below the current one, if that is a span of a detector.</summary>
    internal static Activity? StartStage(string stage) =>
        StartStage(stage, Activity.Current is { } span && span.Source == Source ? span : null);

    /// <summary>Adds the span of a stage that is over.</summary>
    /// <param name="stage">Its name.</param>
    /// <param name="picture">The picture's span, if there is one.</param>
    /// <param name="start">When it began, in the ticks of <see cref="Stopwatch"/>.</param>
    /// <param name="milliseconds">How long it took.</param>
    /// <param name="pictures">Pictures that took it together.</param>
    internal static void AddStage(string stage, Activity? picture, long start, double milliseconds, int pictures)
    {
        if (picture is not null)
        {
            var began = DateTime.UtcNow - Stopwatch.GetElapsedTime(start);
            using var span = Source.StartActivity(ActivityKind.Internal, picture.Context, [new("tcm.batch.size", pictures)], null, began,
                $"tcm.{stage}");
            span?.SetEndTime(began.AddMilliseconds(milliseconds));
        }
    }
}
