using Tcm.Detect;
using Tcm.Kernels;

namespace Tcm.Tests.Detector;

/// <summary>Order, results, bounds and errors of <see cref="TextDetector.DetectManyAsync"/>.</summary>
public sealed class DetectManyTests
{
    private readonly Lock _lock = new();

    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 1)]
    [InlineData(6, 4)]
    public async Task Results_come_in_order_with_the_bits_of_single_calls(int pending, int batch)
    {
        using var detector = ShippedDetector.Open();
        string[] expected = ShippedDetector.Expected(detector);
        DetectionInput[] inputs = [.. Enumerable.Range(0, 24).Select(i => new DetectionInput($"picture {i}", async token =>
        {
            // Later pictures are often ready before earlier ones.
            await Task.Delay(i * 7 % 5 * 4, token);
            return ShippedDetector.Pictures[i % expected.Length];
        }))];
        var results = await ShippedDetector.Soon(Sources.ToList(detector.DetectManyAsync(Sources.Of(inputs),
            new DetectManyOptions { MaxPending = pending, BatchSize = batch })));
        Assert.Equal(inputs.Select(i => i.Id), results.Select(r => r.Id));
        for (int i = 0; i < results.Count; i++)
        {
            Assert.Null(results[i].Error);
            Assert.Equal(expected[i % expected.Length], ShippedDetector.Bits(results[i].Result!));
        }
    }

    [Theory]
    [InlineData(4, 5)]
    [InlineData(2, 6)]
    public async Task Pictures_of_one_padded_size_go_through_the_network_together(int fitting, int expectedPasses)
    {
        // The input of pictures 0 and 1 is 320x128, and the limit on tensors lets so many of them through together.
        using var detector = ShippedDetector.Open(ShippedDetector.Options with
        {
            Limits = new DetectorLimits { MaxTensorBytes = 320 * 128 * 12 * fitting },
        });
        string[] expected = ShippedDetector.Expected(detector);
        int passes = 0;
        using var prepared = new SemaphoreSlim(0);
        detector.Stages.Entering = stage =>
        {
            if (stage == "network" && Interlocked.Increment(ref passes) == 1)
            {
                // While the first is in the network, all others get ready.
                for (int i = 0; i < 7; i++)
                {
                    Assert.True(prepared.Wait(TimeSpan.FromMinutes(1)));
                }
            }
        };
        var progress = new Recorder(p =>
        {
            if (p.Prepared > 1 && p.Recognized == 0)
            {
                prepared.Release();
            }
        });
        int[] which = [4, 0, 2, 1, 0, 3, 1, 0];
        var results = await ShippedDetector.Soon(Sources.ToList(detector.DetectManyAsync(
            Sources.Of(which.Select(i => ShippedDetector.Pictures[i])),
            new DetectManyOptions { MaxPending = 8, BatchSize = 4, Progress = progress })));
        Assert.Equal(which.Select(i => expected[i]), results.Select(r => ShippedDetector.Bits(r.Result!)));
        // 4 alone; 0, 1, 0, 1 together (or in twos); 2; 3; the last 0.
        Assert.Equal(expectedPasses, passes);
    }

    [Fact]
    public async Task At_most_the_pending_number_of_pictures_is_alive()
    {
        const int Pending = 3;
        using var detector = ShippedDetector.Open();
        int alive = 0, most = 0, loaded = 0;
        var source = Sources.Of([.. Enumerable.Range(0, 15).Select(i => DetectionInput.From($"{i}", () =>
        {
            Interlocked.Increment(ref loaded);
            int now = Interlocked.Increment(ref alive);
            lock (_lock)
            {
                most = Math.Max(most, now);
            }
            return ShippedDetector.Pictures[i % 3];
        }))]);
        int consumed = 0;
        await foreach (var output in detector.DetectManyAsync(source, new DetectManyOptions { MaxPending = Pending }))
        {
            // A slow consumer: everything that may run ahead does.
            await Task.Delay(30);
            Assert.InRange(Volatile.Read(ref loaded), consumed + 1, consumed + Pending);
            consumed++;
            Interlocked.Decrement(ref alive);
        }
        Assert.Equal(15, consumed);
        Assert.Equal(Pending, most);
    }

    [Fact]
    public async Task Bad_pictures_have_errors_and_the_others_go_on()
    {
        using var detector = ShippedDetector.Open(ShippedDetector.Options with { Limits = new DetectorLimits { MaxPixels = 200_000 } });
        string expected = ShippedDetector.Bits(detector.Detect(ShippedDetector.Pictures[0]));
        var good = ShippedDetector.Pictures[0];
        var progress = new Recorder(_ => { });
        var results = await ShippedDetector.Soon(Sources.ToList(detector.DetectManyAsync(Sources.Of(
            DetectionInput.From("a", () => good),
            DetectionInput.From("broken", () => throw new InvalidDataException("no picture")),
            DetectionInput.From("b", () => good),
            new DetectionInput("slow server", _ => throw new TaskCanceledException("timeout")),
            DetectionInput.From("nothing", () => null!),
            DetectionInput.From("large", () => ShippedDetector.Pictures[^1]),
            DetectionInput.From("c", () => good)), new DetectManyOptions { BatchSize = 2, Progress = progress })));
        Assert.Equal(["a", "broken", "b", "slow server", "nothing", "large", "c"], results.Select(r => r.Id));
        Assert.Equal([null, typeof(InvalidDataException), null, typeof(TaskCanceledException), typeof(TcmException),
            typeof(ImageLimitException), null], results.Select(r => r.Error?.GetType()));
        Assert.All(results, r => Assert.True(r.Error is null != r.Result is null));
        Assert.All(results.Where(r => r.Result is not null), r => Assert.Equal(expected, ShippedDetector.Bits(r.Result!)));
        Assert.Equal(new DetectionProgress(7, 3, 3, 7, 4), progress.Reports[^1]);
        Assert.All(progress.Reports.Zip(progress.Reports.Skip(1)), p => Assert.InRange(Steps(p.Second) - Steps(p.First), 1, 2));
    }

    [Fact]
    public async Task A_failing_source_ends_the_run_after_the_pictures_before()
    {
        using var detector = ShippedDetector.Open();
        var results = new List<DetectionOutput>();
        var error = await Assert.ThrowsAsync<IOException>(async () =>
        {
            await foreach (var output in detector.DetectManyAsync(Failing()))
            {
                results.Add(output);
            }
        });
        Assert.Equal("the listing broke off", error.Message);
        Assert.Equal(2, results.Count(r => r.Result is not null));

        static async IAsyncEnumerable<DetectionInput> Failing()
        {
            yield return DetectionInput.From("a", () => ShippedDetector.Pictures[0]);
            yield return DetectionInput.From("b", () => ShippedDetector.Pictures[1]);
            await Task.Yield();
            throw new IOException("the listing broke off");
        }
    }

    [Theory]
    [InlineData("network")]
    [InlineData("postprocess")]
    public async Task A_failing_device_ends_the_run_after_the_pictures_before(string stage)
    {
        using var detector = ShippedDetector.Open();
        int count = 0;
        detector.Stages.Entering = entered =>
        {
            if (entered == stage && Interlocked.Increment(ref count) == 3)
            {
                throw new DeviceException("cuda:0: the device is lost");
            }
        };
        var results = new List<DetectionOutput>();
        // One at a time, so that the third to come there is the third picture.
        var error = await Assert.ThrowsAsync<DeviceException>(async () =>
        {
            await foreach (var output in detector.DetectManyAsync(
                Sources.Endless(i => DetectionInput.From($"{i}", () => ShippedDetector.Pictures[0])), new DetectManyOptions { MaxPending = 1 }))
            {
                results.Add(output);
            }
        });
        Assert.Contains("lost", error.Message);
        Assert.Equal(["0", "1"], results.Select(r => r.Id));
        detector.Stages.Entering = null;
        Assert.NotEmpty(detector.Detect(ShippedDetector.Pictures[0]).Regions);
    }

    [Theory]
    [InlineData("Taken")]
    [InlineData("Prepared")]
    [InlineData("Recognized")]
    [InlineData("Delivered")]
    public async Task Progress_that_throws_ends_the_run(string what)
    {
        using var detector = ShippedDetector.Open();
        var progress = new Recorder(p =>
        {
            if ((int)typeof(DetectionProgress).GetProperty(what)!.GetValue(p)! == 3)
            {
                throw new InvalidTimeZoneException("a bug of the user interface");
            }
        });
        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => ShippedDetector.Soon(Sources.ToList(detector.DetectManyAsync(
            Sources.Endless(i => DetectionInput.From($"{i}", () => ShippedDetector.Pictures[i % 3])),
            new DetectManyOptions { Progress = progress }))));
    }

    private static int Steps(DetectionProgress p) => p.Taken + p.Prepared + p.Recognized + p.Delivered;

    private sealed class Recorder(Action<DetectionProgress> react) : IProgress<DetectionProgress>
    {
        public List<DetectionProgress> Reports { get; } = [];

        public void Report(DetectionProgress value)
        {
            Reports.Add(value);
            react(value);
        }
    }
}
