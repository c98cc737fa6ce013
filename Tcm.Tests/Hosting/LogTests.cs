using System.Reflection;
using Microsoft.Extensions.Logging;
using Tcm.Detect;
using Tcm.Detect.Diagnostics;
using Tcm.Kernels;
using Tcm.Tests.Detector;
using Tcm.Tests.Docs;

namespace Tcm.Tests.Hosting;

/// <summary>What a detector logs, and that the numbers of its events are those of the page.</summary>
public sealed class LogTests
{
    private readonly CapturedLog _log = new();

    private TextDetectorOptions Options => ShippedDetector.Options with { Logger = _log.CreateLogger("Tcm.Detect.TextDetector") };

    [Fact]
    public void From_loading_to_disposal()
    {
        var detector = ShippedDetector.Open(Options);
        var loaded = Single(1, LogLevel.Information);
        Assert.Contains(ShippedModel.FileName, loaded.Message);
        Assert.Contains(detector.Backend.Description, loaded.Message);
        detector.WarmUp((64, 48), (48, 64));
        Assert.Contains("64x48, 48x64", Single(2, LogLevel.Information).Message);
        Assert.Empty(_log.Of(3));
        var result = detector.Detect(ShippedDetector.Pictures[0]);
        Assert.Contains($"{result.Width}x{result.Height}: {result.Regions.Count} regions in", Single(3, LogLevel.Debug).Message);
        detector.TrimMemory();
        Single(10, LogLevel.Debug);
        Assert.Empty(_log.Of(11));
        detector.Dispose();
        detector.Dispose();
        Single(11, LogLevel.Debug);
    }

    [Fact]
    public void Slow_pictures_and_regions_beyond_the_limit()
    {
        using var detector = ShippedDetector.Open(Options with
        {
            SlowAfter = TimeSpan.FromTicks(1),
            Limits = new() { MaxRegions = 1 },
            ShortSide = 256,
            MaxSide = 640,
        });
        var result = detector.Detect(ShippedDetector.Pictures[^1]);
        Assert.Contains("(preprocess ", Single(4, LogLevel.Warning).Message);
        Assert.Contains($"{result.RegionsLeftOut} regions beyond the limit of 1", Single(6, LogLevel.Warning).Message);
        Assert.Empty(_log.Of(3));
    }

    [Fact]
    public async Task Failures_by_their_kind()
    {
        using var detector = ShippedDetector.Open(Options with { Limits = new() { MaxPixels = 640 * 399 } });
        Assert.Throws<ImageLimitException>(() => detector.Detect(ShippedDetector.Pictures[^1]));
        Assert.StartsWith("640x400 refused: ", Single(5, LogLevel.Warning).Message);
        Assert.Throws<OperationCanceledException>(() => detector.Detect(ShippedDetector.Pictures[0], new CancellationToken(true)));
        Single(9, LogLevel.Debug);
        await Sources.ToList(detector.DetectManyAsync(Sources.Of(DetectionInput.From("a.jpg", () => throw new IOException("gone")))));
        var failed = Single(7, LogLevel.Warning);
        Assert.Equal("a.jpg failed", failed.Message);
        Assert.IsType<IOException>(failed.Error);
        detector.Stages.Entering = _ => throw new DeviceException("lost");
        Assert.Throws<DeviceException>(() => detector.Detect(ShippedDetector.Pictures[0]));
        Assert.IsType<DeviceException>(Single(8, LogLevel.Error).Error);
    }

    [Fact]
    public async Task A_logger_that_throws_ends_the_run_and_leaves_nothing_behind()
    {
        var detector = ShippedDetector.Open(ShippedDetector.Options with { Logger = new Broken() });
        Assert.Throws<NotSupportedException>(() => detector.Detect(ShippedDetector.Pictures[0]));
        await Assert.ThrowsAsync<NotSupportedException>(
            () => ShippedDetector.Soon(Sources.ToList(detector.DetectManyAsync(Sources.Of(ShippedDetector.Pictures)))));
        Assert.Throws<NotSupportedException>(detector.Dispose);
        Assert.Throws<ObjectDisposedException>(() => detector.Backend.Allocate(16));
    }

    [Fact]
    public void Events_are_those_of_the_page()
    {
        var events = typeof(DetectorLog).GetMethods(BindingFlags.Public | BindingFlags.Static)
            .Select(m => (m.Name, Event: m.GetCustomAttribute<LoggerMessageAttribute>())).Where(m => m.Event is not null)
            .Select(m => $"| {m.Event!.EventId} | `{m.Name}` | {m.Event.Level} |").ToList();
        Assert.Equal(12, events.Count);
        string page = DocPage.Of("docs/api.md").Text;
        Assert.All(events, e => Assert.Contains(e, page));
    }

    [Fact]
    public void Instruments_are_those_of_the_page()
    {
        using var metrics = new CapturedMetrics("none");
        Assert.Equal(7, metrics.Instruments.Count);
        string page = DocPage.Of("docs/api.md").Text;
        Assert.All(metrics.Instruments, i => Assert.Contains($"| `{i.Name}` | {i.GetType().Name.Split('`')[0]} | `{i.Unit}` |", page));
    }

    private sealed class Broken : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Debug;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => throw new NotSupportedException();
    }

    private CapturedLog.Entry Single(int id, LogLevel level)
    {
        var entry = Assert.Single(_log.Of(id));
        Assert.Equal(level, entry.Level);
        return entry;
    }
}
