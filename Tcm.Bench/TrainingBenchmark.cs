using System.CommandLine;
using System.Globalization;
using System.Numerics;
using Tcm.Detect;
using Tcm.Detect.Datasets;
using Tcm.Detect.Training;
using Tcm.Kernels;
using Tcm.Kernels.Cpu;
using Tcm.Kernels.Gpu;

namespace Tcm.Bench;

/// <summary>
/// <c>training</c>: pictures per second of whole training steps (forward, backward, update) of a recipe's model on drawn
/// pictures, with the share of the machine's peak, and the backward pass by operation.
/// </summary>
internal static class TrainingBenchmark
{
    public static Command Create()
    {
        var recipe = new Option<string>("--recipe") { DefaultValueFactory = _ => "recipes/tcm-db-s-cpu.json" };
        var side = new Option<int>("--side") { Description = "Side of the canvas.", DefaultValueFactory = _ => 640 };
        var batch = new Option<int>("--batch") { DefaultValueFactory = _ => 4 };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 5 };
        var device = new Option<string>("--device") { DefaultValueFactory = _ => "cpu" };
        var precision = new Option<Precision>("--precision") { Description = "On a GPU: fp32, tf32 or bf16." };
        var profile = new Option<bool>("--profile") { Description = "Time of each operation of the backward pass." };
        var json = new Option<FileInfo?>("--json");
        var command = new Command("training", "Pictures per second of training steps.")
            { recipe, side, batch, steps, device, precision, profile, json };
        command.SetAction(parsed => Run(parsed.GetValue(recipe)!, parsed.GetValue(side), parsed.GetValue(batch),
            parsed.GetValue(steps), parsed.GetValue(device)!, parsed.GetValue(precision), parsed.GetValue(profile),
            parsed.GetValue(json)));
        return command;
    }

    private static int Run(string path, int side, int batch, int steps, string device, Precision precision, bool profile,
        FileInfo? json)
    {
        var recipe = RecipeReader.Read(path, [$"augmentation.side={side}", $"batch={batch}", "initialization=[]"]);
        using var backend = Devices.Open(device, precision: precision);
        double peak = backend is CpuBackend cpu ? PeakFlops.MeasureGflops(cpu.Threads, cpu.Level)
            : backend is GpuBackend gpu ? GpuLadder.PeakGflops(gpu, precision) : 0;
        using var trainer = new Trainer(recipe, [new MixMember(new DrawnWords(side), new DataSection { Dataset = "drawn" })], backend,
            dataThreads: 1);
        trainer.RunStep();
        var times = new List<double>();
        var forward = new List<double>();
        var byOperation = new Dictionary<string, (int Count, double Milliseconds)>();
        long multiplyAdds = 0;
        if (profile)
        {
            trainer.BackwardObserver = (name, shape, time) =>
            {
                string key = $"{name} {shape}";
                var (count, sum) = byOperation.GetValueOrDefault(key);
                byOperation[key] = (count + 1, sum + time.TotalMilliseconds);
            };
        }
        for (int i = 0; i < steps; i++)
        {
            // Let the loader get ahead, so that its work is not part of the step.
            Thread.Sleep(side * batch / 8);
            long before = Backend.MultiplyAdds;
            var report = trainer.RunStep();
            backend.Synchronize();
            multiplyAdds = Backend.MultiplyAdds - before;
            times.Add(report.Seconds - report.DataSeconds);
            forward.Add(trainer.ForwardSeconds);
        }
        double median = BenchOutput.Median(times), gflops = 2e-9 * multiplyAdds / median;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{recipe.Name} {batch}x{side}x{side} {precision} on {backend.Description}: "
            + $"step {1e3 * median:F0} ms (forward {1e3 * BenchOutput.Median(forward):F0}), {batch / median:F2} pictures/s, "
            + $"{multiplyAdds / 1e9 / batch:F2} GMAC a picture, {gflops:F1} GFLOP/s, "
            + $"{(peak > 0 ? $"{100 * gflops / peak:F0} % of {peak:F0}" : "peak unknown")}"));
        if (profile)
        {
            BenchOutput.Table(["backward of", "calls a step", "ms a step"], byOperation.OrderByDescending(o => o.Value.Milliseconds)
                .Take(40).Select(o => new[] { o.Key, $"{o.Value.Count / steps}", BenchOutput.Number(o.Value.Milliseconds / steps) }));
        }
        BenchOutput.WriteJson(json, new
        {
            recipe = recipe.Name,
            device = backend.Description,
            precision = precision.ToString(),
            batch,
            side,
            medianMilliseconds = 1e3 * median,
            forwardMilliseconds = 1e3 * BenchOutput.Median(forward),
            picturesPerSecond = batch / median,
            multiplyAddsPerPicture = multiplyAdds / batch,
            gflops,
            peakGflops = peak > 0 ? peak : (double?)null,
            shareOfPeak = peak > 0 ? gflops / peak : (double?)null,
        });
        return 0;
    }

    /// <summary>Grey pictures with light bars in place of words.</summary>
    private sealed class DrawnWords(int side) : ISampleSource
    {
        public string Name => "drawn";

        public int? Count => null;

        public Sample Read(long index)
        {
            var random = new Random((int)index);
            var rgb = new byte[3 * side * side];
            random.NextBytes(rgb);
            var texts = new List<TextAnnotation>();
            for (int i = 0; i < 8; i++)
            {
                int w = 60 + random.Next(side / 4), h = 16 + random.Next(24), x = random.Next(side - w), y = random.Next(side - h);
                texts.Add(new TextAnnotation([new(x, y), new(x + w, y), new(x + w, y + h), new Vector2(x, y + h)], false));
            }
            return new Sample("drawn", ImageBuffer.From(rgb, side, side, PixelFormat.Rgb24), texts);
        }
    }
}
