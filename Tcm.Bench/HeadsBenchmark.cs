using System.CommandLine;
using System.Diagnostics;
using Tcm.Detect.Heads;
using Tcm.Detect.Models;
using Tcm.Detect.Preprocessing;
using Tcm.Detect.Training;
using Tcm.Kernels;
using Tcm.Nn;

namespace Tcm.Bench;

/// <summary>
/// <c>heads</c>: the three detectors beside each other at one size, network and post-processing apart: the trunk of the shipped
/// model and the full-size one, each with every neck and head (formula weights), in turns; and the regions of the same 200 texts
/// from made maps.
/// </summary>
internal static class HeadsBenchmark
{
    private const int Texts = 200;

    public static Command Create()
    {
        var height = new Option<int>("--height") { DefaultValueFactory = _ => 736, Description = "Rows of the input, a multiple of 32." };
        var width = new Option<int>("--width") { DefaultValueFactory = _ => 1280, Description = "Columns of the input, a multiple of 32." };
        var command = new Command("heads", "The three detectors beside each other: network and post-processing.")
        {
            height, width, BenchOptions.Device, BenchOptions.Threads, BenchOptions.Json,
        };
        command.SetAction(parsed => Run(parsed.GetValue(height), parsed.GetValue(width), parsed.GetValue(BenchOptions.Device)!,
            parsed.GetValue(BenchOptions.Threads), parsed.GetValue(BenchOptions.Json)));
        return command;
    }

    /// <summary>The full-size network with a head, its neck as wide as in the paper's configurations.</summary>
    public static TcmConfig FullSize(string head) =>
        TcmConfig.FullSizeDb with { Head = head, NeckWidth = head == "pan" ? 128 : 256 };

    private static int Run(int height, int width, string device, int threads, FileInfo? json)
    {
        using var backend = Devices.Open(device, threads);
        var methods = HeadRegistry.All;
        // Trunk and neck of recipes/tcm-*-s-cpu.json.
        var shipped = RecipeReader.Read("recipes/tcm-db-s-cpu.json", []).Model;
        var small = Networks(backend, height, width, [.. methods.Select(m => shipped with { Head = m.Name })], passes: 9);
        var full = Networks(backend, height, width, [.. methods.Select(m => FullSize(m.Name))], passes: 3);
        var rows = methods.Select((method, i) =>
        {
            var (regions, milliseconds) = PostProcess(method, height, width);
            return new { head = method.Name, small = small[i], fullSize = full[i], regions, postprocessMilliseconds = milliseconds };
        }).ToList();
        BenchOutput.Table(["head", "GMAC", "shipped size ms", "GMAC", "full size ms", "regions", "post-processing ms"], rows.Select(r => (string[])
        [
            r.head, BenchOutput.Number(r.small.Gmac), BenchOutput.Number(r.small.Milliseconds, 1), BenchOutput.Number(r.fullSize.Gmac, 1),
            BenchOutput.Number(r.fullSize.Milliseconds, 0), $"{r.regions}", BenchOutput.Number(r.postprocessMilliseconds),
        ]));
        BenchOutput.WriteJson(json, new { device = backend.Name, description = backend.Description, height, width, rows });
        return 0;
    }

    /// <summary>Medians of passes that take turns, so that all see the same machine.</summary>
    private static Network[] Networks(Backend backend, int height, int width, TcmConfig[] configs, int passes)
    {
        using var input = FormulaPicture.Create(backend, height, width);
        var weights = configs.Select(c => new FormulaWeights(c)).ToArray();
        var models = configs.Zip(weights, (c, w) => new TcmModel(w, c, backend)).ToArray();
        var work = new double[models.Length];
        var times = models.Select(_ => new List<double>()).ToArray();
        for (int pass = -1; pass < passes; pass++)
        {
            for (int i = 0; i < models.Length; i++)
            {
                long before = Backend.MultiplyAdds, start = Stopwatch.GetTimestamp();
                using (TensorScope.Begin())
                {
                    models[i].Forward(input);
                    backend.Synchronize();
                }
                work[i] = (Backend.MultiplyAdds - before) / 1e9;
                if (pass >= 0)
                {
                    times[i].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                }
            }
        }
        foreach (var disposable in models.Cast<IDisposable>().Concat(weights))
        {
            disposable.Dispose();
        }
        return [.. times.Zip(work, (t, gmac) => new Network(BenchOutput.Median(t), gmac))];
    }

    private static (int Regions, double Milliseconds) PostProcess(DetectionMethod method, int height, int width)
    {
        var corners = PostprocessBenchmark.SlantedBarCorners(width, height, Texts);
        float[] maps = MadeMaps.Of(method.Name, corners, width, height);
        var extract = method.CreateExtractor(method.PostProcessing with { Polygons = true });
        var size = new NetworkSize(width, height, width, height, 1, 1);
        var times = new List<double>();
        int regions = 0;
        for (int i = 0; i < 30; i++)
        {
            long start = Stopwatch.GetTimestamp();
            regions = extract(maps, size).Count;
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        // The first third warms up.
        return (regions, BenchOutput.Median(times[10..]));
    }

    private sealed record Network(double Milliseconds, double Gmac);
}
