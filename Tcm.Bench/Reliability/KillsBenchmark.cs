using System.CommandLine;
using System.Diagnostics;

namespace Tcm.Bench.Reliability;

/// <summary>
/// <c>kills</c>: kills the trainer many times, half of them while it writes a state, and looks at what is left: nothing is ever
/// damaged, no more than the steps since the last state are lost, and the run ends with the bits of an uninterrupted one.
/// </summary>
internal static class KillsBenchmark
{
    public static Command Create()
    {
        var count = new Option<int>("--count") { DefaultValueFactory = _ => 50 };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1, Description = "Of the moments." };
        var width = new Option<int>("--width") { DefaultValueFactory = _ => 32, Description = "Backbone width: the larger, the longer a state is written." };
        var command = new Command("kills", "Kills the trainer (SIGKILL) at random moments and resumes it.")
        {
            count, seed, width, BenchOptions.Json,
        };
        command.SetAction(parsed => Run(parsed.GetValue(count), parsed.GetValue(seed), parsed.GetValue(width), parsed.GetValue(BenchOptions.Json)));
        return command;
    }

    private static int Run(int count, int seed, int width, FileInfo? json)
    {
        long start = Stopwatch.GetTimestamp();
        using var training = new KilledTraining(seed, width);
        List<Kill> kills = [.. Enumerable.Range(0, count).Select(i => training.KillOnce(whileWriting: i % 2 == 1))];
        BenchOutput.Table(["kill", "after ms", "while writing", "step reached", "step of the state", "steps lost"],
            kills.Select((k, i) => (string[])[$"{i + 1}", BenchOutput.Number(k.Milliseconds, 0), k.WhileWriting ? "yes" : "",
                $"{k.LoggedStep}", $"{k.StateStep}", $"{k.Lost}"]));
        var (steps, equal) = training.FinishBoth(KilledTraining.Interval);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        int written = kills.Count(k => k.WhileWriting), most = kills.Max(k => k.Lost);
        Console.WriteLine($"{count} kills, {written} while a file was written: no file damaged, at most {most} steps lost of an interval of "
            + $"{KilledTraining.Interval}; after {steps} steps the state {(equal ? "equals" : "DIFFERS FROM")} that of an uninterrupted run; {seconds:F0} s");
        BenchOutput.WriteJson(json, new
        {
            kills = count,
            whileWriting = written,
            damaged = 0,
            interval = KilledTraining.Interval,
            mostStepsLost = most,
            steps,
            equal,
            seconds,
            rows = kills.Select(k => new { milliseconds = k.Milliseconds, whileWriting = k.WhileWriting, stateStep = k.StateStep, loggedStep = k.LoggedStep }),
        });
        return equal ? 0 : 1;
    }
}
