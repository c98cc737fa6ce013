using System.Collections.Concurrent;
using System.Diagnostics;
using Tcm.Detect;
using Tcm.Detect.Diagnostics;
using Tcm.Kernels;
using Tcm.Tests.Detector;

namespace Tcm.Tests.Hosting;

/// <summary>Traces and metrics, without any host. Not beside other tests: one of them wants that nobody listens.</summary>
[Collection(nameof(TelemetryCollection))]
public sealed class TelemetryTests
{
    private readonly string _name = Guid.NewGuid().ToString();

    private TextDetectorOptions Options => ShippedDetector.Options with { Name = _name };

    [Fact]
    public void Metrics_count_pictures_regions_pixels_and_seconds()
    {
        using var metrics = new CapturedMetrics(_name);
        using var detector = ShippedDetector.Open(Options);
        detector.WarmUp();
        Assert.Empty(metrics.Of("tcm.detect.pictures"));

        var pictures = ShippedDetector.Pictures;
        var results = pictures.Select(p => detector.Detect(p)).ToList();
        Assert.Equal(pictures.Count, metrics.Sum("tcm.detect.pictures"));
        Assert.Equal(results.Sum(r => r.Regions.Count), metrics.Sum("tcm.detect.regions"));
        Assert.Equal(pictures.Sum(p => p.Width * p.Height), metrics.Sum("tcm.detect.pixels"));
        Assert.Equal(results.Sum(r => r.Timings.Total) / 1000, metrics.Sum("tcm.detect.duration"), 9);
        Assert.Equal(results.Sum(r => r.Timings.Preprocess) / 1000,
            metrics.Sum("tcm.detect.stage.duration", "tcm.stage", "preprocess"), 9);
        Assert.Equal(results.Sum(r => r.Timings.Network) / 1000,
            metrics.Sum("tcm.detect.stage.duration", "tcm.stage", "network"), 9);
        Assert.Equal(results.Sum(r => r.Timings.Postprocess) / 1000,
            metrics.Sum("tcm.detect.stage.duration", "tcm.stage", "postprocess"), 9);
        Assert.Empty(metrics.Of("tcm.detect.failures"));
    }

    [Fact]
    public async Task Metrics_count_failures_by_their_kind()
    {
        using var metrics = new CapturedMetrics(_name);
        using var detector = ShippedDetector.Open(Options with { Limits = new() { MaxPixels = 640 * 399 } });
        Assert.Throws<ImageLimitException>(() => detector.Detect(ShippedDetector.Pictures[^1]));
        Assert.Throws<TcmException>(() => detector.Detect(new byte[5], 2, 1, 0, PixelFormat.Rgb24));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => detector.DetectAsync(ShippedDetector.Pictures[0], new(true)));
        var outputs = await Sources.ToList(detector.DetectManyAsync(Sources.Of(
            DetectionInput.From("a", () => ShippedDetector.Pictures[0]), DetectionInput.From("b", () => throw new IOException("gone")))));
        Assert.IsType<IOException>(outputs[1].Error);

        Assert.Equal(1, metrics.Sum("tcm.detect.pictures"));
        Assert.Equal(4, metrics.Sum("tcm.detect.failures"));
        Type[] types = [typeof(ImageLimitException), typeof(TcmException), typeof(OperationCanceledException), typeof(IOException)];
        foreach (var type in types)
        {
            Assert.Equal(1, metrics.Sum("tcm.detect.failures", "error.type", type.FullName));
        }
    }

    [Fact]
    public void The_gauge_shows_the_memory_of_the_device_as_long_as_the_detector_lives()
    {
        using var metrics = new CapturedMetrics(_name);
        using var detector = ShippedDetector.Open(Options);
        detector.Detect(ShippedDetector.Pictures[0]);
        metrics.Observe();
        var memory = detector.Backend.Memory;
        Assert.True(memory.InUse > 0 && memory.Pooled > 0, memory.ToString());
        Assert.Equal([memory.InUse], metrics.Of("tcm.detect.memory", "tcm.memory.state", "in_use"));
        Assert.Equal([memory.Pooled], metrics.Of("tcm.detect.memory", "tcm.memory.state", "pooled"));
        detector.Dispose();
        metrics.Observe();
        Assert.Equal(2, metrics.Of("tcm.detect.memory").Count);
    }

    [Fact]
    public void A_call_is_a_span_with_its_stages_below_that_of_the_caller()
    {
        using var detector = ShippedDetector.Open(Options);
        using var spans = new Spans();
        using var request = new Activity("request").Start();
        var picture = ShippedDetector.Pictures[0];
        var result = detector.Detect(picture);
        Assert.Same(request, Activity.Current);

        var own = spans.Of(request.TraceId);
        Assert.Equal(["tcm.preprocess", "tcm.network", "tcm.postprocess", "tcm.detect"], own.Select(s => s.OperationName));
        var detect = own[^1];
        Assert.Equal(request.SpanId, detect.ParentSpanId);
        Assert.All(own.SkipLast(1), s => Assert.Equal(detect.SpanId, s.ParentSpanId));
        Assert.All(own, s => Assert.InRange(s.StartTimeUtc + s.Duration, detect.StartTimeUtc, detect.StartTimeUtc + detect.Duration));
        Assert.Equal(ActivityStatusCode.Unset, detect.Status);
        var tags = detect.TagObjects.ToDictionary(t => t.Key, t => t.Value);
        Assert.Equal(
            new Dictionary<string, object?>
            {
                ["tcm.detector"] = _name,
                ["tcm.device"] = "cpu",
                ["tcm.head"] = "db",
                ["tcm.network.height"] = result.NetworkSize.PaddedHeight,
                ["tcm.network.width"] = result.NetworkSize.PaddedWidth,
                ["tcm.picture.height"] = picture.Height,
                ["tcm.picture.width"] = picture.Width,
                ["tcm.regions"] = result.Regions.Count,
            },
            tags);
    }

    [Fact]
    public void A_failure_is_told_by_the_span()
    {
        using var detector = ShippedDetector.Open(Options);
        using var spans = new Spans();
        using var request = new Activity("request").Start();
        detector.Stages.Entering = stage =>
        {
            if (stage == "layer2")
            {
                throw new DeviceException("lost");
            }
        };
        Assert.Throws<DeviceException>(() => detector.Detect(ShippedDetector.Pictures[0]));
        Assert.Same(request, Activity.Current);
        var detect = spans.Of(request.TraceId)[^1];
        Assert.Equal((ActivityStatusCode.Error, "lost"), (detect.Status, detect.StatusDescription));
        Assert.Equal(typeof(DeviceException).FullName, detect.GetTagItem("error.type"));
        Assert.Equal("exception", Assert.Single(detect.Events).Name);
    }

    [Fact]
    public async Task Pictures_of_a_stream_have_spans_that_hold_what_their_loaders_do()
    {
        using var detector = ShippedDetector.Open(Options);
        using var spans = new Spans();
        using var request = new Activity("request").Start();
        var inside = new ConcurrentDictionary<string, Activity?>();
        var inputs = new[] { "a", "b", "c" }.Select(id => new DetectionInput(id, async _ =>
        {
            await Task.Yield();
            inside[id] = Activity.Current;
            return id == "b" ? throw new IOException("gone") : ShippedDetector.Pictures[0];
        }));
        var outputs = await Sources.ToList(detector.DetectManyAsync(Sources.Of([.. inputs])));
        Assert.Same(request, Activity.Current);
        Assert.NotNull(outputs[2].Result);

        var own = spans.Of(request.TraceId);
        foreach (string id in (string[])["a", "b", "c"])
        {
            var detect = Assert.Single(own, s => Equals(s.GetTagItem("tcm.picture.id"), id));
            Assert.Equal(request.SpanId, detect.ParentSpanId);
            var stages = own.Where(s => s.ParentSpanId == detect.SpanId).ToList();
            string[] expected = id == "b" ? ["tcm.load"] : ["tcm.load", "tcm.network", "tcm.postprocess", "tcm.preprocess"];
            Assert.Equal(expected, stages.Select(s => s.OperationName).Order());
            Assert.Equal(stages.Single(s => s.OperationName == "tcm.load").SpanId, inside[id]?.SpanId);
            Assert.Equal(id == "b" ? ActivityStatusCode.Error : ActivityStatusCode.Unset, detect.Status);
        }
        Assert.All(own.Where(s => s.OperationName == "tcm.network"), s => Assert.Equal(1, s.GetTagItem("tcm.batch.size")));
    }

    [Fact]
    public async Task Pictures_that_nobody_waits_for_end_their_spans()
    {
        using var detector = ShippedDetector.Open(Options);
        using var spans = new Spans();
        using var request = new Activity("request").Start();
        await foreach (var output in detector.DetectManyAsync(Sources.Of(ShippedDetector.Pictures)))
        {
            break;
        }
        var own = spans.Of(request.TraceId).Where(s => s.OperationName == "tcm.detect").ToList();
        Assert.Equal(spans.Started(request.TraceId, "tcm.detect"), own.Count);
    }

    [Fact]
    public void Without_a_listener_nothing_is_allocated_for_them()
    {
        using var detector = ShippedDetector.Open(Options);
        var result = detector.Detect(ShippedDetector.Pictures[0]);
        for (int i = 0; i < 100; i++)
        {
            Watch(detector, result);
        }
        const int Calls = 100_000;
        long start = Stopwatch.GetTimestamp(), before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Calls; i++)
        {
            Watch(detector, result);
        }
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{Stopwatch.GetElapsedTime(start).TotalNanoseconds / Calls:F0} ns a picture");
        Assert.Equal(0, allocated);
    }

    private static void Watch(TextDetector detector, DetectionResult result)
    {
        var picture = detector.Monitor.Begin(result.Width, result.Height);
        using (DetectorTelemetry.StartStage("preprocess"))
        {
        }
        using (DetectorTelemetry.StartStage("network"))
        {
        }
        using (DetectorTelemetry.StartStage("postprocess"))
        {
        }
        picture.Succeed(result);
    }

    private sealed class Spans : IDisposable
    {
        private readonly ConcurrentQueue<Activity> _started = new(), _stopped = new();
        private readonly ActivityListener _listener;

        public Spans()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name == DetectorTelemetry.ActivitySourceName,
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
                ActivityStarted = _started.Enqueue,
                ActivityStopped = _stopped.Enqueue,
            };
            ActivitySource.AddActivityListener(_listener);
        }

        /// <summary>Those of a trace, in the order of their ends.</summary>
        public IReadOnlyList<Activity> Of(ActivityTraceId trace) => [.. _stopped.Where(a => a.TraceId == trace)];

        public int Started(ActivityTraceId trace, string name) => _started.Count(a => a.TraceId == trace && a.OperationName == name);

        public void Dispose() => _listener.Dispose();
    }
}

/// <summary>Runs when all other tests have run, one test at a time.</summary>
[CollectionDefinition(nameof(TelemetryCollection), DisableParallelization = true)]
public sealed class TelemetryCollection;
