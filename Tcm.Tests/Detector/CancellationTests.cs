namespace Tcm.Tests.Detector;

/// <summary>A call can be cancelled before each of its stages and between the blocks of the network; nothing is left behind.</summary>
public sealed class CancellationTests
{
    [Fact]
    public void In_every_stage_it_leaves_the_detector_usable()
    {
        using var detector = ShippedDetector.Open();
        string[] expected = ShippedDetector.Expected(detector);
        var stages = new List<string>();
        detector.Stages.Entering = stages.Add;
        detector.Detect(ShippedDetector.Pictures[0]);
        Assert.Equal(["preprocess", "network", "postprocess"], stages.Where(s => s is "preprocess" or "network" or "postprocess"));
        // The blocks of the network: stem, four layers, what the text branch has, neck, head.
        Assert.True(stages.Count >= 10, string.Join(' ', stages));

        long inUse = detector.Backend.Memory.InUse;
        foreach (string stage in stages)
        {
            using var cancellation = new CancellationTokenSource();
            detector.Stages.Entering = entered =>
            {
                if (entered == stage)
                {
                    cancellation.Cancel();
                }
            };
            var error = Assert.Throws<OperationCanceledException>(() => detector.Detect(ShippedDetector.Pictures[0], cancellation.Token));
            Assert.Equal(cancellation.Token, error.CancellationToken);
            Assert.Equal(inUse, detector.Backend.Memory.InUse);
        }
        detector.Stages.Entering = null;
        Assert.Equal(expected, ShippedDetector.Expected(detector));
    }

    [Fact]
    public async Task Asynchronous_calls_end_cancelled_and_not_failed()
    {
        using var detector = ShippedDetector.Open();
        using var cancellation = new CancellationTokenSource();
        detector.Stages.Entering = stage =>
        {
            if (stage == "layer3")
            {
                cancellation.Cancel();
            }
        };
        var task = detector.DetectAsync(ShippedDetector.Pictures[0], cancellation.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        Assert.True(task.IsCanceled);
        detector.Stages.Entering = null;
        Assert.NotEmpty((await detector.DetectAsync(ShippedDetector.Pictures[0])).Regions);
    }
}
