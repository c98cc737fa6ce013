using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tcm.Detect.Models;
using Tcm.Kernels;

namespace Tcm.Detect.Diagnostics;

/// <summary>Logs, traces and metrics of one detector. Thread-safe.</summary>
internal sealed class DetectorMonitor : IDisposable
{
    // Weak: a detector that somebody forgot to dispose shall not live on for its figures.
    private static readonly ConditionalWeakTable<DetectorMonitor, Backend> Live = [];

    private readonly TextDetectorOptions _options;
    private readonly Backend _backend;
    private readonly string _head;

    /// <param name="model">What runs.</param>
    /// <param name="options">Name, logger, limits.</param>
    public DetectorMonitor(TcmModel model, TextDetectorOptions options)
    {
        (_options, _backend, _head) = (options, model.Backend, model.Config.Head);
        Logger = options.Logger ?? NullLogger.Instance;
        Live.Add(this, _backend);
        // The gauge is there from the first detector on, not from its first picture.
        _ = DetectorTelemetry.Memory;
    }

    /// <summary>Where messages go.</summary>
    public ILogger Logger { get; }

    /// <summary>A picture begins, on this thread; its span is the current one until it ends.</summary>
    public PictureRecord Begin(int width, int height)
    {
        var span = DetectorTelemetry.Source.StartActivity("tcm.detect");
        SetTags(span);
        SetSize(span, width, height);
        return new PictureRecord(this, span, null, width, height);
    }

    /// <summary>A picture begins that will go from thread to thread.</summary>
    public PictureRecord Begin(string id)
    {
        var current = Activity.Current;
        var span = DetectorTelemetry.Source.StartActivity("tcm.detect");
        Activity.Current = current;
        SetTags(span);
        span?.SetTag("tcm.picture.id", id);
        return new PictureRecord(this, span, id, 0, 0);
    }

    /// <summary>A picture has a result.</summary>
    public void Succeeded(PictureRecord picture, DetectionResult result)
    {
        Measure(result);
        if (picture.Span is { } span)
        {
            SetSize(span, result.Width, result.Height);
            span.SetTag("tcm.network.width", result.NetworkSize.PaddedWidth);
            span.SetTag("tcm.network.height", result.NetworkSize.PaddedHeight);
            span.SetTag("tcm.regions", result.Regions.Count);
            span.Stop();
        }
        var timings = result.Timings;
        if (timings.Total > _options.SlowAfter.TotalMilliseconds && Logger.IsEnabled(LogLevel.Warning))
        {
            DetectorLog.SlowPicture(Logger, Name(picture, result), timings.Total, timings.Preprocess, timings.Network,
                timings.Postprocess, result.Regions.Count);
        }
        else if (Logger.IsEnabled(LogLevel.Debug))
        {
            DetectorLog.PictureDetected(Logger, Name(picture, result), result.Regions.Count, timings.Total);
        }
        if (result.RegionsLeftOut > 0)
        {
            DetectorLog.RegionsLeftOut(Logger, Name(picture, result), result.RegionsLeftOut, _options.Limits.MaxRegions);
        }
    }

    /// <summary>A picture has no result.</summary>
    public void Failed(PictureRecord picture, Exception error)
    {
        // Those of tasks too.
        string type = (error is OperationCanceledException ? typeof(OperationCanceledException) : error.GetType()).FullName!;
        if (DetectorTelemetry.Failures.Enabled)
        {
            var tags = Tags();
            tags.Add(DetectorTelemetry.ErrorTag, type);
            DetectorTelemetry.Failures.Add(1, tags);
        }
        if (picture.Span is { } span)
        {
            span.SetTag(DetectorTelemetry.ErrorTag, type);
            span.SetStatus(ActivityStatusCode.Error, error.Message);
            span.AddException(error);
            span.Stop();
        }
        string name = picture.Id ?? $"{picture.Width}x{picture.Height}";
        switch (error)
        {
            case OperationCanceledException:
                DetectorLog.PictureCancelled(Logger, name);
                break;
            case ImageLimitException:
                DetectorLog.PictureRefused(Logger, name, error.Message);
                break;
            case DeviceException:
                DetectorLog.DeviceFailed(Logger, error, name, _backend.Name);
                break;
            default:
                DetectorLog.PictureFailed(Logger, error, name);
                break;
        }
    }

    /// <summary>Memory of the pools of all detectors. On the CPU each has its own; those on one GPU share it.</summary>
    public static IEnumerable<Measurement<long>> MemoryNow()
    {
        var pools = Live.Where(d => d.Value.Name == "cpu").Select(d => (d.Value, d.Key._options.Name))
            .Concat(Live.Where(d => d.Value.Name != "cpu").Select(d => (Backend: d.Value, Name: (string?)null)).Distinct());
        foreach (var group in pools.GroupBy(p => (Device: p.Item1.Name, p.Item2), p => p.Item1.Memory).ToList())
        {
            yield return Measure("in_use", group.Sum(m => m.InUse));
            yield return Measure("pooled", group.Sum(m => m.Pooled));

            Measurement<long> Measure(string state, long bytes)
            {
                var tags = Tags(group.Key.Device, group.Key.Item2);
                tags.Add("tcm.memory.state", state);
                return new Measurement<long>(bytes, tags);
            }
        }
    }

    /// <summary>Its memory is not shown any more.</summary>
    public void Dispose() => Live.Remove(this);

    private void Measure(DetectionResult result)
    {
        if (DetectorTelemetry.Pictures.Enabled || DetectorTelemetry.Regions.Enabled || DetectorTelemetry.Pixels.Enabled
            || DetectorTelemetry.Duration.Enabled)
        {
            var tags = Tags();
            DetectorTelemetry.Pictures.Add(1, tags);
            DetectorTelemetry.Regions.Add(result.Regions.Count, tags);
            DetectorTelemetry.Pixels.Add((long)result.Width * result.Height, tags);
            DetectorTelemetry.Duration.Record(result.Timings.Total / 1000, tags);
        }
        if (DetectorTelemetry.StageDuration.Enabled)
        {
            RecordStage("preprocess", result.Timings.Preprocess);
            RecordStage("network", result.Timings.Network);
            RecordStage("postprocess", result.Timings.Postprocess);
        }
    }

    private void RecordStage(string stage, double milliseconds)
    {
        var tags = Tags();
        tags.Add(DetectorTelemetry.StageTag, stage);
        DetectorTelemetry.StageDuration.Record(milliseconds / 1000, tags);
    }

    private TagList Tags() => Tags(_backend.Name, _options.Name);

    private static TagList Tags(string device, string? name)
    {
        var tags = new TagList { { DetectorTelemetry.DeviceTag, device } };
        if (name is not null)
        {
            tags.Add(DetectorTelemetry.DetectorTag, name);
        }
        return tags;
    }

    private void SetTags(Activity? span)
    {
        if (span is not null)
        {
            span.SetTag("tcm.head", _head);
            foreach (var tag in Tags())
            {
                span.SetTag(tag.Key, tag.Value);
            }
        }
    }

    private static void SetSize(Activity? span, int width, int height)
    {
        span?.SetTag("tcm.picture.width", width);
        span?.SetTag("tcm.picture.height", height);
    }

    private static string Name(PictureRecord picture, DetectionResult result) => picture.Id ?? $"{result.Width}x{result.Height}";
}
