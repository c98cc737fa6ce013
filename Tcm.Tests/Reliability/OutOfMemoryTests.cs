using Tcm.Bench.Reliability;
using Tcm.Detect;
using Tcm.Kernels;
using Tcm.Kernels.Cpu;
using Tcm.Tests.Detector;

namespace Tcm.Tests.Reliability;

/// <summary>Memory that really ends, in processes of their own, and devices that are lost.</summary>
public sealed class OutOfMemoryTests
{
    [Theory]
    [InlineData("memory-limit")]
    [InlineData("heap-limit")]
    public void Large_pictures_fail_by_name_and_the_detector_works_on(string command)
    {
        Assert.SkipUnless(MemoryLimit.IsSupported, "limits of Linux");
        Assert.Contains("DeviceException: ", MemoryLimit.Run(command, ShippedModel.Find()!));
    }

    [Fact]
    public void A_lost_device_fails_by_name_and_a_new_detector_works()
    {
        Assert.SkipWhen(DeviceLoss.WhyNot is not null, DeviceLoss.WhyNot ?? "");
        Assert.Contains("DeviceException each time", DeviceLoss.Run(ShippedModel.Find()!));
    }

    [Fact]
    public async Task A_picture_for_which_memory_is_short_has_an_error_and_the_others_go_on()
    {
        using var detector = ShippedDetector.Open();
        string expected = ShippedDetector.Bits(detector.Detect(ShippedDetector.Pictures[0]));
        int passes = 0;
        detector.Stages.Entering = stage =>
        {
            if (stage == "layer2" && Interlocked.Increment(ref passes) == 2)
            {
                throw new OutOfMemoryException();
            }
        };
        var results = await ShippedDetector.Soon(Sources.ToList(detector.DetectManyAsync(Sources.Of(
            Enumerable.Repeat(ShippedDetector.Pictures[0], 4)))));
        var error = Assert.IsType<DeviceException>(Assert.Single(results, r => r.Error is not null).Error);
        Assert.True(error.IsOutOfMemory);
        Assert.Equal([expected, expected, expected], results.Where(r => r.Error is null).Select(r => ShippedDetector.Bits(r.Result!)));
    }

    [Fact]
    public unsafe void A_task_that_fails_ends_the_run_and_the_team_works_on()
    {
        using var team = new ThreadTeam(4);
        for (int round = 0; round < 200; round++)
        {
            // On the caller's thread or on a helper's, where nobody would catch it.
            var failing = new Job { Failing = round % 16, Done = new int[16] };
            Assert.Equal("no memory", Assert.Throws<DeviceException>(() => Run(team, failing)).Message);
            var sound = new Job { Failing = -1, Done = new int[16] };
            Run(team, sound);
            Assert.All(sound.Done, n => Assert.Equal(1, n));
        }
    }

    private static void Run(ThreadTeam team, Job job) => team.Run(16, ref job);

    private struct Job : IJob
    {
        public int Failing;
        public int[] Done;

        public void Run(int task)
        {
            if (task == Failing)
            {
                throw new DeviceException("no memory");
            }
            Interlocked.Increment(ref Done[task]);
            Thread.SpinWait(200);
        }
    }
}
