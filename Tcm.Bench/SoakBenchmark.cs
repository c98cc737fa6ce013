using System.CommandLine;
using System.Diagnostics;
using Tcm.Bench.Reliability;
using Tcm.Cli.Synthesis;
using Tcm.Detect;

namespace Tcm.Bench;

/// <summary>
/// <c>soak</c>: many pictures of mixed sizes through one detector that several threads share. Every result must have the bits that
/// one thread alone got, and resident memory must stay flat once every size has been seen. Then calls are cancelled, detectors are
/// disposed under their callers, memory runs out and, where a C compiler makes the driver without a device, the device is lost.
/// </summary>
internal static class SoakBenchmark
{
    private static readonly (int Width, int Height)[] Sizes =
        [(64, 64), (640, 480), (480, 640), (333, 517), (1280, 720), (200, 1000), (1000, 100), (800, 600), (97, 411), (512, 512)];

    public static Command Create()
    {
        var images = new Option<int>("--images") { DefaultValueFactory = _ => 1000 };
        var callers = new Option<int>("--callers") { DefaultValueFactory = _ => 8, Description = "Threads that share the detector." };
        var shortSide = new Option<int>("--short-side") { DefaultValueFactory = _ => 320 };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1, Description = "Order of the pictures." };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 20, Description = "Of cancellation and disposal." };
        var alone = new Option<bool>("--alone") { Description = "Leave out what needs a process of its own: memory that ends, a lost device." };
        var weights = new Option<string>("--weights") { DefaultValueFactory = _ => "weights/tcm-db-s.safetensors" };
        var command = new Command("soak", "Equal results and flat memory over many pictures from many threads.")
        {
            images, callers, shortSide, seed, rounds, alone, weights, BenchOptions.Device, BenchOptions.Threads, BenchOptions.Json,
        };
        command.SetAction(parsed =>
        {
            var options = new TextDetectorOptions
            {
                Device = parsed.GetValue(BenchOptions.Device)!,
                Threads = parsed.GetValue(BenchOptions.Threads),
                ShortSide = parsed.GetValue(shortSide),
                MaxSide = 4 * parsed.GetValue(shortSide),
            };
            return Run(parsed.GetValue(weights)!, options, parsed.GetValue(images), parsed.GetValue(callers), parsed.GetValue(seed),
                parsed.GetValue(rounds), parsed.GetValue(alone), parsed.GetValue(BenchOptions.Json));
        });
        return command;
    }

    private static int Run(string weights, TextDetectorOptions options, int count, int callers, int seed, int rounds, bool alone, FileInfo? json)
    {
        ImageBuffer[] pictures = [.. Sizes.Select((size, i) =>
            new SceneRenderer(new SceneOptions { Seed = 5, Size = size }).Render(i).Image)];
        using var detector = TextDetector.Load(weights, options);
        string[] expected = [.. pictures.Select(p => DetectorBits.Of(detector.Detect(p)))];

        var samples = new List<(double Images, double Mebibytes)>();
        int next = -1, different = 0;
        long start = Stopwatch.GetTimestamp();
        var threads = Enumerable.Range(0, callers).Select(caller => new Thread(() =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < count;)
            {
                // Each picture of the run is decided by the seed alone, whichever thread takes it.
                int which = new Random(unchecked((seed * 1_000_003) + i)).Next(pictures.Length);
                if (DetectorBits.Of(detector.Detect(pictures[which])) != expected[which])
                {
                    Interlocked.Increment(ref different);
                }
                if (i % 10 == 9)
                {
                    lock (samples)
                    {
                        samples.Add((i, Environment.WorkingSet / 1048576.0));
                    }
                }
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        // Pools fill in the beginning: the line goes through the second half.
        List<(double Images, double Mebibytes)> late = [.. samples.OrderBy(s => s.Images).Skip(samples.Count / 2)];
        double slope = late.Count > 1 ? Slope(late) * 1000 : 0, largest = samples.Count > 0 ? samples.Max(s => s.Mebibytes) : 0;
        Console.WriteLine($"{count} pictures of {Sizes.Length} sizes by {callers} threads in {seconds:F0} s: {different} results differ; " +
            $"resident at most {largest:F0} MiB, {slope:+0.0;-0.0} MiB in 1000 pictures over the second half");
        var seen = Check(new SoakChecks(weights, options, pictures, expected), detector, weights, callers, seed, rounds, alone);
        BenchOutput.WriteJson(json, new
        {
            device = detector.Backend.Name,
            pictures = count,
            callers,
            seconds,
            different,
            largestResidentMb = largest,
            mebibytesPer1000Pictures = slope,
            checks = seen,
            samples = samples.OrderBy(s => s.Images).Select(s => new { images = s.Images + 1, residentMb = s.Mebibytes }),
        });
        return different == 0 ? 0 : 1;
    }

    private static Dictionary<string, string> Check(SoakChecks checks, TextDetector detector, string weights, int callers, int seed, int rounds,
        bool alone)
    {
        var seen = new Dictionary<string, string>
        {
            ["cancellation"] = checks.Cancel(detector, rounds, seed),
            ["disposal"] = checks.Dispose(callers, rounds, seed),
        };
        if (!alone)
        {
            seen["native memory runs out"] = MemoryLimit.IsSupported ? MemoryLimit.Run("memory-limit", weights) : "not run: limits of Linux";
            seen["managed memory runs out"] = MemoryLimit.IsSupported ? MemoryLimit.Run("heap-limit", weights) : "not run: limits of Linux";
            seen["device loss"] = DeviceLoss.WhyNot is { } reason ? $"not run: {reason}" : DeviceLoss.Run(weights);
        }
        foreach (var (what, figure) in seen)
        {
            Console.WriteLine($"{what}: {figure}");
        }
        return seen;
    }

    /// <summary>Least squares.</summary>
    private static double Slope(List<(double X, double Y)> points)
    {
        double x = points.Average(p => p.X), y = points.Average(p => p.Y);
        return points.Sum(p => (p.X - x) * (p.Y - y)) / points.Sum(p => (p.X - x) * (p.X - x));
    }
}
