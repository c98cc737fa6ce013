using System.CommandLine;
using System.Diagnostics;
using Tcm.Kernels;

namespace Tcm.Bench.Fuzzing;

/// <summary>
/// <c>fuzz</c>: runs targets of <see cref="FuzzTargets"/> on damaged inputs for a while, or on one file, or under AFL (<c>.ci/fuzz</c>
/// instruments the assemblies and does so for all of them).
/// </summary>
internal static class FuzzCommand
{
    private const int MaxCorpus = 2000;

    public static Command Create()
    {
        var target = new Argument<string>("target") { Description = "Name of a target, or all.", DefaultValueFactory = _ => "all" };
        var seconds = new Option<double>("--seconds") { DefaultValueFactory = _ => 5, Description = "For each target." };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var input = new Option<FileInfo?>("--input") { Description = "Run this file, or all files of this folder, alone: to see a find again." };
        var seeds = new Option<DirectoryInfo?>("--seeds") { Description = "Write the target's sound inputs into this folder." };
        var afl = new Option<bool>("--afl") { Description = "Take inputs from afl-fuzz, which has started this process." };
        var command = new Command("fuzz", "Damaged files, pictures, maps and texts: accepted, or refused with one line.")
        {
            target, seconds, seed, input, seeds, afl, BenchOptions.Json,
        };
        command.SetAction(parsed =>
        {
            string name = parsed.GetValue(target)!;
            FuzzTarget[] targets = name == "all" ? [.. FuzzTargets.All] : [FuzzTargets.Find(name)];
            if (parsed.GetValue(seeds) is { } folder)
            {
                WriteSeeds(targets, folder);
                return 0;
            }
            if (parsed.GetValue(afl))
            {
                UnderAfl(targets.Single());
                return 0;
            }
            return parsed.GetValue(input) is { } file ? RunFiles(targets.Single(), file.FullName)
                : RunMutations(targets, parsed.GetValue(seconds), parsed.GetValue(seed), parsed.GetValue(BenchOptions.Json));
        });
        return command;
    }

    /// <summary>
    /// Instrumented assemblies count branches in memory that SharpFuzz sets when AFL's part begins; their static constructors run before
    /// that, and have to count somewhere too.
    /// </summary>
    public static unsafe void AcceptInstrumentation() =>
        SharpFuzz.Common.Trace.SharedMem = (byte*)System.Runtime.InteropServices.NativeMemory.AllocZeroed(1 << 16);

    private static void WriteSeeds(FuzzTarget[] targets, DirectoryInfo folder)
    {
        foreach (var target in targets)
        {
            string place = targets.Length == 1 ? folder.FullName : Path.Combine(folder.FullName, target.Name);
            Directory.CreateDirectory(place);
            for (int i = 0; i < target.Seeds.Count; i++)
            {
                File.WriteAllBytes(Path.Combine(place, $"{i}"), target.Seeds[i]);
            }
        }
    }

    /// <summary>Every find ends a child process, which AFL's side of it takes for a crash.</summary>
    private static void UnderAfl(FuzzTarget target) => SharpFuzz.Fuzzer.OutOfProcess.Run(stream =>
    {
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        target.Accepts(bytes.ToArray());
    });

    private static int RunFiles(FuzzTarget target, string path)
    {
        int finds = 0;
        string[] files = Directory.Exists(path) ? [.. Directory.GetFiles(path).Order()] : [path];
        foreach (string file in files)
        {
            try
            {
                Console.WriteLine($"{file}: {target.Refusal(File.ReadAllBytes(file)) ?? "accepted"}");
            }
            catch (Exception e)
            {
                Console.WriteLine($"{file}: FIND: {e}");
                finds++;
            }
        }
        return finds == 0 ? 0 : 1;
    }

    private static int RunMutations(FuzzTarget[] targets, double seconds, int seed, FileInfo? json)
    {
        var rows = new List<(string Name, long Tried, long Accepted, int Finds)>();
        foreach (var target in targets)
        {
            var run = Mutate(target, TimeSpan.FromSeconds(seconds), long.MaxValue, seed);
            rows.Add((target.Name, run.Tried, run.Accepted, run.Finds.Count));
            foreach (var (input, error) in run.Finds)
            {
                string place = Path.Combine(Path.GetTempPath(), $"tcm-fuzz-{target.Name}-{Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(input))[..8]}");
                File.WriteAllBytes(place, input);
                Console.WriteLine($"{target.Name}: {error.GetType().Name}: {error.Message.ReplaceLineEndings(" ")}\n  {place}");
            }
        }
        BenchOutput.Table(["target", "tried", "accepted", "finds"], rows.Select(r => (string[])[r.Name, $"{r.Tried}", $"{r.Accepted}", $"{r.Finds}"]));
        BenchOutput.WriteJson(json, new { rows = rows.Select(r => new { target = r.Name, tried = r.Tried, accepted = r.Accepted, finds = r.Finds }) });
        return rows.All(r => r.Finds == 0) ? 0 : 1;
    }

    /// <summary>
    /// Damages the target's seeds, and what was accepted of that, until the time is over. Finds of one type and message are
    /// reported once.
    /// </summary>
    internal static (long Tried, long Accepted, List<(byte[] Input, Exception Error)> Finds) Mutate(FuzzTarget target, TimeSpan time,
        long most, int seed)
    {
        List<byte[]> corpus = [.. target.Seeds];
        foreach (byte[] sound in target.Seeds)
        {
            if (target.Refusal(sound) is { } reason)
            {
                throw new TcmException($"the target {target.Name} refuses its own seed: {reason}");
            }
        }
        var mutator = new FuzzMutator(seed);
        var finds = new List<(byte[] Input, Exception Error)>();
        long tried = 0, accepted = 0, start = Stopwatch.GetTimestamp();
        for (; tried < most && Stopwatch.GetElapsedTime(start) < time; tried++)
        {
            byte[] input = mutator.Next(corpus);
            try
            {
                if (target.Accepts(input))
                {
                    accepted++;
                    if (corpus.Count < MaxCorpus && input.Length <= 4096)
                    {
                        corpus.Add(input);
                    }
                }
            }
            catch (Exception e)
            {
                if (!finds.Exists(f => f.Error.GetType() == e.GetType() && f.Error.StackTrace?.Split('\n')[0] == e.StackTrace?.Split('\n')[0]))
                {
                    finds.Add((input, e));
                }
            }
        }
        return (tried, accepted, finds);
    }
}
