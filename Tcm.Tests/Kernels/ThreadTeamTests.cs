using Tcm.Kernels.Cpu;

namespace Tcm.Tests.Kernels;

public sealed unsafe class ThreadTeamTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_task_runs_once(int threads)
    {
        using var team = new ThreadTeam(threads);
        var counts = new int[1000];
        for (int tasks = 0; tasks <= counts.Length; tasks += 37)
        {
            Array.Clear(counts);
            RunCounting(team, counts, tasks);
            Assert.All(counts.Index(), c => Assert.Equal(c.Index < tasks ? 1 : 0, c.Item));
        }
    }

    [Fact]
    public void Many_callers_with_pauses_lose_no_task()
    {
        using var team = new ThreadTeam(3);
        var callers = Enumerable.Range(0, 4).Select(seed => new Thread(() =>
        {
            var random = new Random(seed);
            var counts = new int[16];
            for (int run = 0; run < 3000; run++)
            {
                Array.Clear(counts);
                int tasks = random.Next(17);
                RunCounting(team, counts, tasks);
                if (counts.AsSpan(0, tasks).ContainsAnyExcept(1) || counts.AsSpan(tasks).ContainsAnyExcept(0))
                {
                    throw new InvalidOperationException($"caller {seed}, run {run}");
                }
                if (run % 300 == 299)
                {
                    // Long enough for the helpers to fall asleep.
                    Thread.Sleep(random.Next(20));
                }
            }
        })).ToList();
        callers.ForEach(t => t.Start());
        callers.ForEach(t => Assert.True(t.Join(TimeSpan.FromSeconds(60)), "a caller hangs"));
    }

    [Fact]
    public void Nested_calls_run_on_the_calling_thread()
    {
        using var team = new ThreadTeam(2);
        var counts = new int[64];
        fixed (int* p = counts)
        {
            var job = new NestedJob { Counts = p, Team = team };
            for (int run = 0; run < 200; run++)
            {
                team.Run(8, ref job);
            }
        }
        Assert.All(counts, c => Assert.Equal(200, c));
    }

    [Fact]
    public void Dispose_wakes_sleeping_helpers()
    {
        for (int i = 0; i < 20; i++)
        {
            var team = new ThreadTeam(3);
            Thread.Sleep(i % 4 * 5);
            team.Dispose();
        }
    }

    private static void RunCounting(ThreadTeam team, int[] counts, int tasks)
    {
        fixed (int* p = counts)
        {
            var job = new CountingJob { Counts = p };
            team.Run(tasks, ref job);
        }
    }

    private struct CountingJob : IJob
    {
        public int* Counts;

        public readonly void Run(int task) => Interlocked.Increment(ref Counts[task]);
    }

    private struct NestedJob : IJob
    {
        public int* Counts;
        public ThreadTeam Team;

        public readonly void Run(int task)
        {
            var inner = new CountingJob { Counts = Counts + 8 * task };
            Team.Run(8, ref inner);
        }
    }
}
