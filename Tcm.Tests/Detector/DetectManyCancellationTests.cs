using Tcm.Detect;

namespace Tcm.Tests.Detector;

/// <summary>However a run of <see cref="TextDetector.DetectManyAsync"/> is stopped, it leaves nothing running and the detector usable.</summary>
public sealed class DetectManyCancellationTests
{
    [Theory]
    [InlineData("source")]
    [InlineData("load")]
    [InlineData("preprocess")]
    [InlineData("network")]
    [InlineData("layer4")]
    [InlineData("postprocess")]
    [InlineData("consumer")]
    public async Task In_every_stage_it_leaves_the_detector_usable(string where)
    {
        using var detector = ShippedDetector.Open();
        string[] expected = ShippedDetector.Expected(detector);
        long inUse = detector.Backend.Memory.InUse;
        using var cancellation = new CancellationTokenSource();
        int running = 0, count = 0;
        void At(string place)
        {
            if (place == where && Interlocked.Increment(ref count) == 3)
            {
                cancellation.Cancel();
            }
        }
        detector.Stages.Entering = At;
        var source = Sources.Endless(i =>
        {
            At("source");
            return new DetectionInput($"{i}", async token =>
            {
                Interlocked.Increment(ref running);
                try
                {
                    At("load");
                    await Task.Delay(1, token);
                    return ShippedDetector.Pictures[i % 3];
                }
                finally
                {
                    Interlocked.Decrement(ref running);
                }
            });
        });
        int results = 0;
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var output in detector.DetectManyAsync(source, cancellation: cancellation.Token))
            {
                Assert.Null(output.Error);
                results++;
                At("consumer");
            }
        }).WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(cancellation.Token, error.CancellationToken);
        Assert.Equal(0, running);
        Assert.InRange(results, 0, 3);
        Assert.Equal(inUse, detector.Backend.Memory.InUse);
        detector.Stages.Entering = null;
        Assert.Equal(expected, ShippedDetector.Expected(detector));
    }

    [Fact]
    public async Task The_token_of_the_enumeration_counts_too()
    {
        using var detector = ShippedDetector.Open();
        using var cancellation = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            var results = detector.DetectManyAsync(Sources.Endless(i => DetectionInput.From($"{i}", () => ShippedDetector.Pictures[0])));
            await foreach (var output in results.WithCancellation(cancellation.Token))
            {
                await cancellation.CancelAsync();
            }
        }).WaitAsync(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Leaving_the_loop_stops_everything()
    {
        using var detector = ShippedDetector.Open();
        long inUse = detector.Backend.Memory.InUse;
        int running = 0, started = 0;
        var source = Sources.Endless(i => new DetectionInput($"{i}", async token =>
        {
            Interlocked.Increment(ref running);
            Interlocked.Increment(ref started);
            try
            {
                // All but the first would take for ever.
                await Task.Delay(i == 0 ? 0 : Timeout.Infinite, token);
                return ShippedDetector.Pictures[0];
            }
            finally
            {
                Interlocked.Decrement(ref running);
            }
        }));
        await foreach (var output in detector.DetectManyAsync(source))
        {
            Assert.Equal("0", output.Id);
            break;
        }
        Assert.Equal(0, running);
        int startedThen = started;
        await Task.Delay(50);
        Assert.Equal(startedThen, started);
        Assert.Equal(inUse, detector.Backend.Memory.InUse);
    }
}
