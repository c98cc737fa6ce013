using System.CommandLine;
using System.Diagnostics;
using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Nn;

namespace Tcm.Bench;

/// <summary>
/// <c>network</c>: one forward pass of full-size TCM-DB with formula weights, batch 1, beside the machine's FMA peak
/// measured in the same run; the time of each part; memory; what a repeated pass allocates.
/// </summary>
internal static class NetworkBenchmark
{
    public static Command Create()
    {
        var height = new Option<int>("--height") { DefaultValueFactory = _ => 640, Description = "Rows, a multiple of 32." };
        var width = new Option<int>("--width") { DefaultValueFactory = _ => 640, Description = "Columns, a multiple of 32." };
        var repeats = new Option<int>("--repeats") { DefaultValueFactory = _ => 7, Description = "Timed passes." };
        var command = new Command("network", "Forward pass of full-size TCM-DB, with the share of the FMA peak.")
        {
            height, width, repeats, BenchOptions.Device, BenchOptions.Threads, BenchOptions.Json,
        };
        command.SetAction(parsed => Run(parsed.GetValue(height), parsed.GetValue(width), parsed.GetValue(repeats),
            parsed.GetValue(BenchOptions.Device)!, parsed.GetValue(BenchOptions.Threads), parsed.GetValue(BenchOptions.Json)));
        return command;
    }

    private static int Run(int height, int width, int repeats, string device, int threads, FileInfo? json)
    {
        using var backend = Devices.Open(device, threads);
        var clock = Stopwatch.StartNew();
        using var model = Load(backend);
        Console.WriteLine($"{backend.Name}: {backend.Description}; model ready in {clock.ElapsedMilliseconds} ms");
        using var input = FormulaPicture.Create(backend, height, width);

        long before = Backend.MultiplyAdds;
        Pass(model, input);
        double gmac = (Backend.MultiplyAdds - before) / 1e9;
        Pass(model, input);

        long system = backend.Memory.SystemAllocations, managed = GC.GetAllocatedBytesForCurrentThread();
        Pass(model, input);
        system = backend.Memory.SystemAllocations - system;
        managed = GC.GetAllocatedBytesForCurrentThread() - managed;

        // The peak is sampled between the passes, so that both see the same clock speed and the same neighbours.
        var milliseconds = new List<double>();
        double peak = 0;
        for (int i = 0; i < repeats; i++)
        {
            peak = Math.Max(peak, PeakFlops.MeasureGflops(threads));
            clock.Restart();
            Pass(model, input);
            milliseconds.Add(clock.Elapsed.TotalMilliseconds);
        }
        var parts = new BlockProfile(backend);
        Pass(model, input, parts);
        milliseconds.Sort();
        double median = milliseconds[milliseconds.Count / 2];
        double gflops = 2 * gmac / (median / 1e3);
        double resident = Process.GetCurrentProcess().PeakWorkingSet64 / 1048576.0;

        Print(parts, peak);
        Console.WriteLine($"TCM-DB {height}x{width}: {median:F1} ms (min {milliseconds[0]:F1}, max {milliseconds[^1]:F1}), " +
            $"{gmac:F1} GMAC, {gflops:F0} of {peak:F0} GFLOP/s = {gflops / peak:P0} of peak");
        Console.WriteLine($"repeated pass: {system} allocations from the system, {managed} bytes of managed memory; " +
            $"peak resident {resident:F0} MiB");
        BenchOutput.WriteJson(json, new
        {
            device = backend.Name,
            description = backend.Description,
            height,
            width,
            milliseconds = median,
            gmac,
            gflops,
            peakGflops = peak,
            shareOfPeak = gflops / peak,
            peakResidentMb = resident,
            repeatSystemAllocations = system,
            repeatManagedBytes = managed,
            parts = parts.Blocks,
        });
        return 0;
    }

    private static TcmModel Load(Backend backend)
    {
        var config = TcmConfig.FullSizeDb;
        using var weights = new FormulaWeights(config);
        return new TcmModel(weights, config, backend);
    }

    private static void Pass(TcmModel model, Tensor input, ForwardObserver? observer = null)
    {
        using var scope = TensorScope.Begin();
        model.Forward(input, observer);
        model.Backend.Synchronize();
    }

    private static void Print(BlockProfile profile, double peak)
    {
        Console.WriteLine($"{"part",-18}{"ms",9}{"GMAC",9}{"GFLOP/s",9}{"peak",7}");
        foreach (var (name, ms, multiplyAdds) in profile.Blocks)
        {
            double rate = 2e-6 * multiplyAdds / ms;
            Console.WriteLine($"{name,-18}{ms,9:F2}{multiplyAdds / 1e9,9:F3}{rate,9:F0}{rate / peak,7:P0}");
        }
    }
}
