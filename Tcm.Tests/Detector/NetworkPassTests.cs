using Tcm.Detect;
using Tcm.Detect.Pipeline;
using Tcm.Kernels;
using Tcm.Kernels.Cpu;

namespace Tcm.Tests.Detector;

/// <summary>Recorded sizes, reports of components and shared devices: what they keep, and that results stay the same to the bit.</summary>
public sealed class NetworkPassTests
{
    [Fact]
    public void Sizes_that_come_again_are_recorded_and_the_oldest_goes()
    {
        using var plain = ShippedDetector.Open();
        string[] expected = ShippedDetector.Expected(plain);
        Assert.Empty(plain.RecordedPasses);
        using var detector = ShippedDetector.Open(ShippedDetector.Options with { RecordedSizes = 2 });
        long weights = detector.Backend.Memory.InUse;
        for (int round = 0; round < 2; round++)
        {
            Assert.Equal(expected, ShippedDetector.Expected(detector));
            Assert.InRange(detector.RecordedPasses.Count, round > 0 ? 2 : 0, 2);
        }
        // Picture 3 twice, then picture 0 twice: the last used is the first.
        foreach (int i in new[] { 3, 3, 0, 0 })
        {
            Assert.Equal(expected[i], ShippedDetector.Bits(detector.Detect(ShippedDetector.Pictures[i])));
        }
        Assert.Equal([new(1, 128, 320, false, null), new(1, 128, 224, false, null)], detector.RecordedPasses);
        detector.TrimMemory();
        Assert.Empty(detector.RecordedPasses);
        Assert.Equal(weights, detector.Backend.Memory.InUse);
        Assert.True(detector.Backend.Memory.Pooled < CpuMemory.FirstRegion);
        Assert.Equal(expected, ShippedDetector.Expected(detector));
    }

    [Fact]
    public void Warming_up_records()
    {
        using var detector = ShippedDetector.Open(ShippedDetector.Options with { RecordedSizes = 4 });
        detector.WarmUp((128, 128));
        Assert.Equal([new NetworkPass(1, 128, 128, false, null)], detector.RecordedPasses);
    }

    [Fact]
    public void Threads_share_recorded_passes()
    {
        using var detector = ShippedDetector.Open(ShippedDetector.Options with { RecordedSizes = 3, DeviceComponents = true });
        string[] expected = ShippedDetector.Expected(detector);
        Parallel.For(0, 24, new ParallelOptions { MaxDegreeOfParallelism = 6 }, i =>
        {
            Assert.Equal(expected[i % expected.Length], ShippedDetector.Bits(detector.Detect(ShippedDetector.Pictures[i % expected.Length])));
            if (i % 7 == 3)
            {
                detector.TrimMemory();
            }
        });
    }

    [Fact]
    public async Task Many_pictures_through_recorded_passes_and_reports_are_those_of_single_calls()
    {
        using var plain = ShippedDetector.Open();
        string[] expected = ShippedDetector.Expected(plain);
        using var detector = ShippedDetector.Open(ShippedDetector.Options with { RecordedSizes = 3, DeviceComponents = true });
        DetectionInput[] inputs = [.. Enumerable.Range(0, 24).Select(i =>
            new DetectionInput($"{i}", _ => ValueTask.FromResult(ShippedDetector.Pictures[i % expected.Length])))];
        var results = await ShippedDetector.Soon(Sources.ToList(detector.DetectManyAsync(Sources.Of(inputs),
            new DetectManyOptions { MaxPending = 6, BatchSize = 4 })));
        for (int i = 0; i < results.Count; i++)
        {
            Assert.Null(results[i].Error);
            Assert.Equal(expected[i % expected.Length], ShippedDetector.Bits(results[i].Result!));
        }
        Assert.Equal(24, results.Count);
    }

    [Fact]
    public void Cancelling_a_recorded_pass_leaves_it_usable()
    {
        using var detector = ShippedDetector.Open(ShippedDetector.Options with { RecordedSizes = 1 });
        string expected = ShippedDetector.Bits(detector.Detect(ShippedDetector.Pictures[0]));
        // In the pass that is recorded, and in one that is replayed.
        for (int i = 0; i < 2; i++)
        {
            using var stop = new CancellationTokenSource();
            detector.Stages.Entering = stage => { if (stage == "layer3") { stop.Cancel(); } };
            Assert.ThrowsAny<OperationCanceledException>(() => detector.Detect(ShippedDetector.Pictures[0], stop.Token));
            detector.Stages.Entering = null;
            for (int k = 0; k < 2; k++)
            {
                Assert.Equal(expected, ShippedDetector.Bits(detector.Detect(ShippedDetector.Pictures[0])));
            }
            Assert.Single(detector.RecordedPasses);
        }
    }

    [Fact]
    public void Users_of_one_device_share_it_until_the_last_is_gone()
    {
        int opened = 0;
        Backend Open()
        {
            opened++;
            return new CpuBackend(1);
        }

        var first = SharedDevice.Open("test a", Open);
        var second = SharedDevice.Open("test a", Open);
        var other = SharedDevice.Open("test b", Open);
        var own = SharedDevice.Open(null, Open);
        Assert.Same(first.Backend, second.Backend);
        Assert.Equal(4 - 1, opened);
        Assert.NotSame(first.Backend, other.Backend);
        first.Dispose();
        second.Backend.Allocate(10).Dispose();
        second.Dispose();
        Assert.Throws<ObjectDisposedException>(() => second.Backend.Allocate(10));
        var again = SharedDevice.Open("test a", Open);
        Assert.Equal(4, opened);
        again.Dispose();
        other.Dispose();
        own.Dispose();
    }

    /// <summary>The whole of it on a device: graphs, page-locked copies, candidates, two detectors, several threads.</summary>
    [Theory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Fp16)]
    public void Two_detectors_on_one_gpu_share_it_and_agree_with_themselves(Precision precision)
    {
        Assert.SkipUnless(Devices.List().Any(d => d.Name == "cuda:0"), "no device cuda:0");
        var options = ShippedDetector.Options with { Device = "cuda:0", Precision = precision };
        using var eager = ShippedDetector.Open(options with { RecordedSizes = 0, DeviceComponents = false });
        string[] expected = ShippedDetector.Expected(eager);
        using var detector = ShippedDetector.Open(options);
        Assert.Same(eager.Backend, detector.Backend);
        for (int round = 0; round < 3; round++)
        {
            Assert.Equal(expected, ShippedDetector.Expected(detector));
        }
        Assert.NotEmpty(detector.RecordedPasses);
        Assert.All(detector.RecordedPasses, p => Assert.True(p.IsGraph, p.Reason));
        Parallel.For(0, 48, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            var (which, chosen) = (i % expected.Length, i % 2 == 0 ? detector : eager);
            Assert.Equal(expected[which], ShippedDetector.Bits(chosen.Detect(ShippedDetector.Pictures[which])));
            if (i % 11 == 5)
            {
                detector.TrimMemory();
            }
        });
        long allocations = detector.Backend.Memory.SystemAllocations;
        Assert.Equal(expected, ShippedDetector.Expected(eager));
        Assert.True(allocations > 0);
    }
}
