using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Tcm.Detect;
using Tcm.Detect.Hosting;
using Tcm.Kernels;
using Tcm.Tests.Detector;

namespace Tcm.Tests.Hosting;

/// <summary>The states of the health check.</summary>
public sealed class HealthTests
{
    [Fact]
    public async Task From_not_wanted_yet_to_disposed()
    {
        await using var services = Build(Small);
        Assert.Equal(HealthStatus.Degraded, (await Check(services)).Status);
        Assert.Null(services.GetRequiredKeyedService<DetectorHolder>("").Detector);

        var detector = services.GetRequiredService<TextDetector>();
        var healthy = await Check(services);
        Assert.Equal(HealthStatus.Healthy, healthy.Status);
        Assert.Equal("cpu", healthy.Data["device"]);
        Assert.Equal(detector.Backend.Memory.InUse, healthy.Data["memoryInUse"]);

        detector.Stages.Entering = stage =>
        {
            if (stage == "layer3")
            {
                throw new DeviceException("lost");
            }
        };
        var failed = await Check(services);
        Assert.Equal((HealthStatus.Unhealthy, "lost"), (failed.Status, failed.Description));
        Assert.IsType<DeviceException>(failed.Exception);

        detector.Stages.Entering = null;
        healthy = await Check(services);
        Assert.Equal(HealthStatus.Healthy, healthy.Status);
        TestContext.Current.TestOutputHelper?.WriteLine(healthy.Description!);
        detector.Dispose();
        var disposed = await Check(services);
        Assert.Equal((HealthStatus.Unhealthy, "disposed"), (disposed.Status, disposed.Description));
    }

    [Fact]
    public async Task A_detector_that_cannot_be_loaded_has_the_failure_status_and_the_reason()
    {
        await using var services = Build(o => o.Weights = "absent.safetensors", HealthStatus.Degraded);
        var error = Assert.ThrowsAny<TcmException>(services.GetRequiredService<TextDetector>);
        var entry = await Check(services);
        Assert.Equal((HealthStatus.Degraded, $"not loaded: {error.Message}"), (entry.Status, entry.Description));
        Assert.Same(error, entry.Exception);
    }

    [Fact]
    public async Task While_it_is_being_loaded_the_check_does_not_wait()
    {
        using var opening = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        await using var services = Build(o =>
        {
            Small(o);
            o.OpenWeights = () =>
            {
                opening.Release();
                goOn.Wait();
                return File.OpenRead(ShippedModel.Find()!);
            };
        });
        var loading = Task.Run(services.GetRequiredService<TextDetector>);
        Assert.True(await opening.WaitAsync(TimeSpan.FromMinutes(1)));
        var entry = await Check(services);
        Assert.Equal((HealthStatus.Degraded, "is being loaded"), (entry.Status, entry.Description));
        goOn.Release();
        await loading;
        Assert.Equal(HealthStatus.Healthy, (await Check(services)).Status);
    }

    [Fact]
    public async Task A_device_that_hangs_ends_with_the_timeout_and_with_the_token()
    {
        await using var services = Build(Small, timeout: TimeSpan.FromSeconds(0.2));
        var detector = services.GetRequiredService<TextDetector>();
        using var goOn = new ManualResetEventSlim();
        detector.Stages.Entering = _ => goOn.Wait();
        var watch = Stopwatch.StartNew();
        Assert.Equal(HealthStatus.Unhealthy, (await Check(services)).Status);
        using var cancellation = new CancellationTokenSource(TimeSpan.FromSeconds(0.05));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => services.GetRequiredService<HealthCheckService>().CheckHealthAsync(cancellation.Token));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30), $"{watch.Elapsed}");
        goOn.Set();
    }

    [Fact]
    public async Task A_check_is_no_picture_and_costs_little()
    {
        await using var services = Build(o => o.Detector = new TextDetectorOptions { Threads = 1, RecordedSizes = 1 });
        var detector = services.GetRequiredService<TextDetector>();
        // The pass, for the same code: its share of a square picture of 736 is (32/736)², about 1/529.
        long before = Backend.MultiplyAdds;
        detector.Probe(CancellationToken.None);
        long probe = Backend.MultiplyAdds - before;
        detector.Detect(ImageBuffer.From(new byte[736 * 736], 736, 736, PixelFormat.Gray8));
        long picture = Backend.MultiplyAdds - before - probe;
        Assert.InRange(probe, 1, picture / 300);
        Assert.DoesNotContain(detector.RecordedPasses, p => p.Width == 32);
    }

    [Fact]
    public async Task Without_a_detector_it_says_what_is_missing()
    {
        var collection = new ServiceCollection();
        collection.AddLogging().AddHealthChecks().AddTcmTextDetector(key: "signs");
        await using var services = collection.BuildServiceProvider();
        var error = await Assert.ThrowsAnyAsync<InvalidOperationException>(
            () => services.GetRequiredService<HealthCheckService>().CheckHealthAsync());
        Assert.Contains("AddKeyedTcmTextDetector(\"signs\")", error.Message);
    }

    private static ServiceProvider Build(Action<TextDetectorHostOptions> configure, HealthStatus? failure = null,
        TimeSpan? timeout = null)
    {
        var services = new ServiceCollection();
        services.AddLogging().AddTcmTextDetector(configure).AddHealthChecks()
            .AddTcmTextDetector(failureStatus: failure, timeout: timeout, tags: ["ready"]);
        return services.BuildServiceProvider();
    }

    private static void Small(TextDetectorHostOptions options) =>
        (options.Detector, options.LoadOnStart) = (ShippedDetector.Options, false);

    private static async Task<HealthReportEntry> Check(ServiceProvider services)
    {
        var report = await services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        var (name, entry) = Assert.Single(report.Entries);
        Assert.Equal("tcm-text-detector", name);
        Assert.Equal(["ready"], entry.Tags);
        return entry;
    }
}
