using Tcm.Detect;

namespace Tcm.Tests.Detector;

/// <summary>Disposal before, during and after use.</summary>
public sealed class DisposeTests
{
    [Fact]
    public void Before_use_and_twice_every_call_names_the_detector()
    {
        var detector = ShippedDetector.Open();
        detector.Dispose();
        detector.Dispose();
        var picture = ShippedDetector.Pictures[0];
        Action[] calls =
        [
            () => detector.Detect(picture), () => detector.Detect(picture.Rgb, picture.Width, picture.Height, 0, PixelFormat.Rgb24),
            () => detector.DetectAsync(picture), () => detector.DetectManyAsync(Sources.Of()), () => detector.WarmUp(),
            detector.TrimMemory,
        ];
        foreach (var call in calls)
        {
            Assert.Equal(typeof(TextDetector).FullName, Assert.Throws<ObjectDisposedException>(call).ObjectName);
        }
        Assert.True(detector.Config.HasCachedText);
    }

    [Theory]
    [InlineData("preprocess")]
    [InlineData("layer2")]
    [InlineData("postprocess")]
    public async Task During_use_the_running_call_finishes_and_then_the_memory_goes(string stage)
    {
        var detector = ShippedDetector.Open();
        string expected = ShippedDetector.Bits(detector.Detect(ShippedDetector.Pictures[0]));
        using var inside = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        detector.Stages.Entering = entered =>
        {
            if (entered == stage)
            {
                inside.Release();
                goOn.Wait();
            }
        };
        var running = detector.DetectAsync(ShippedDetector.Pictures[0]);
        Assert.True(await inside.WaitAsync(TimeSpan.FromMinutes(1)));
        detector.Dispose();
        Assert.Throws<ObjectDisposedException>(() => detector.Detect(ShippedDetector.Pictures[1]));
        detector.Backend.Allocate(16).Dispose();
        goOn.Release();
        Assert.Equal(expected, ShippedDetector.Bits(await ShippedDetector.Soon(running)));
        var memory = detector.Backend.Memory;
        Assert.Equal((0, 0), (memory.InUse, memory.Pooled));
        Assert.Throws<ObjectDisposedException>(() => detector.Backend.Allocate(16));
    }

    [Fact]
    public async Task A_call_that_waits_for_a_thread_still_runs()
    {
        var detector = ShippedDetector.Open();
        var calls = Enumerable.Range(0, 20).Select(_ => detector.DetectAsync(ShippedDetector.Pictures[0])).ToList();
        detector.Dispose();
        var results = await ShippedDetector.Soon(Task.WhenAll(calls));
        Assert.Single(results.Select(ShippedDetector.Bits).Distinct());
        Assert.Throws<ObjectDisposedException>(() => detector.Backend.Allocate(16));
    }

    [Fact]
    public async Task An_enumeration_is_one_call()
    {
        var detector = ShippedDetector.Open();
        var results = new List<DetectionOutput>();
        await foreach (var output in detector.DetectManyAsync(Sources.Of(ShippedDetector.Pictures)))
        {
            results.Add(output);
            detector.Dispose();
        }
        Assert.Equal(ShippedDetector.Pictures.Count, results.Count);
        Assert.All(results, r => Assert.Null(r.Error));
        Assert.Throws<ObjectDisposedException>(() => detector.Backend.Allocate(16));
    }
}
