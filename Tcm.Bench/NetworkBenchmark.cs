using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Tcm.Detect.Heads;
using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Nn;

namespace Tcm.Bench;

/// <summary>
/// <c>network</c>: one forward pass of a model (full-size TCM-DB with formula weights unless one is named), batch 1, beside
/// the machine's FMA peak measured in the same run; the time of each part; memory; what a repeated pass allocates. With
/// <c>--peer</c>, ONNX Runtime runs the exported network between the passes, on as many threads. On a GPU, or with
/// <c>--variants</c>, also what <see cref="NetworkVariants"/> measures.
/// </summary>
internal static class NetworkBenchmark
{
    public static Command Create()
    {
        var repeats = new Option<int>("--repeats") { DefaultValueFactory = _ => 7, Description = "Timed passes." };
        var peer = new Option<bool>("--peer") { Description = "Also run the exported network in ONNX Runtime, in turns." };
        var variants = new Option<bool>("--variants") { Description = "Also precisions, batches, replay, and photos; always on a GPU." };
        var head = new Option<string>("--head") { DefaultValueFactory = _ => "db", Description = "Head of the formula network: db, pan or fce." };
        head.AcceptOnlyFromAmong([.. HeadRegistry.All.Select(m => m.Name)]);
        var photo = new Option<string>("--photo") { DefaultValueFactory = _ => "Tcm.Tests/Assets/sample.png", Description = "For the variants." };
        var maps = new Option<FileInfo?>("--maps") { Description = "Write the result of the formula picture as raw floats: what a peer compares with." };
        var command = new Command("network", "Forward pass of a model, with the share of the FMA peak.")
        {
            BenchOptions.Weights, head, BenchOptions.Height, BenchOptions.Width, repeats, peer, variants, photo, maps, BenchOptions.Device,
            BenchOptions.Threads, BenchOptions.Json,
        };
        command.SetAction(parsed => Run(parsed.GetValue(BenchOptions.Weights)!, parsed.GetValue(head)!, parsed.GetValue(BenchOptions.Height),
            parsed.GetValue(BenchOptions.Width), parsed.GetValue(repeats), parsed.GetValue(peer), parsed.GetValue(variants), parsed.GetValue(photo)!,
            parsed.GetValue(maps), parsed.GetValue(BenchOptions.Device)!, parsed.GetValue(BenchOptions.Threads), parsed.GetValue(BenchOptions.Json)));
        return command;
    }

    private static int Run(string weights, string head, int height, int width, int repeats, bool peer, bool variants, string photo,
        FileInfo? maps, string device, int threads, FileInfo? json)
    {
        using var backend = Devices.Open(device, threads);
        var clock = Stopwatch.StartNew();
        using var file = weights == ModelFile.Formula ? ModelFile.FromFormula(HeadsBenchmark.FullSize(head)) : ModelFile.Open(weights);
        using var model = new TcmModel(file.Checkpoint, file.Config, backend);
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

        // Read before a peer takes memory of its own.
        double resident = OnnxProcess.PeakMiB();
        var (other, otherResident) = peer ? Peer(file, height, width, threads) : default;
        using var closed = other;
        double difference = other is null ? double.NaN : Difference(model, input, other);

        // The peak is sampled between the passes, so that both see the same clock speed and the same neighbours.
        List<double> milliseconds = [], others = [], ratios = [];
        double peak = 0;
        for (int i = 0; i < repeats; i++)
        {
            peak = Math.Max(peak, PeakFlops.MeasureGflops(threads));
            milliseconds.Add(Time(() => Pass(model, input), other is not null));
            if (other is not null)
            {
                others.Add(Time(other.Run, true));
                ratios.Add(others[^1] / milliseconds[^1]);
            }
        }
        var parts = new BlockProfile(backend);
        Pass(model, input, parts);
        milliseconds.Sort();
        double median = milliseconds[milliseconds.Count / 2];
        double gflops = 2 * gmac / (median / 1e3);

        Print(parts, peak);
        Console.WriteLine($"{weights} ({file.Config.Head}) {height}x{width}: {median:F1} ms (min {milliseconds[0]:F1}, max {milliseconds[^1]:F1}), " +
            $"{gmac:F1} GMAC, {gflops:F0} of {peak:F0} GFLOP/s = {gflops / peak:P0} of peak");
        Console.WriteLine($"repeated pass: {system} allocations from the system, {managed} bytes of managed memory; " +
            $"peak resident {resident:F0} MiB");
        if (other is not null)
        {
            Console.WriteLine($"ONNX Runtime: {BenchOutput.Median(ratios):F2} times our time (pairs from {ratios.Min():F2} to " +
                $"{ratios.Max():F2}; best {others.Min():F1} ms, {others.Min() / milliseconds[0]:F2} times our best); " +
                $"largest difference {difference:E1} of the range; peak resident {otherResident:F0} MiB");
        }
        if (maps is not null)
        {
            using var scope = TensorScope.Begin();
            File.WriteAllBytes(maps.FullName, MemoryMarshal.AsBytes<float>(model.Forward(input).ToArray()).ToArray());
        }
        variants |= backend is not Kernels.Cpu.CpuBackend;
        // The pool of this pass would take memory from the others.
        backend.TrimMemory();
        var networks = variants ? NetworkVariants.Networks(file, device, height, width, large: backend is not Kernels.Cpu.CpuBackend, repeats) : null;
        // A detector is opened by its file's name, which 'formula' is of DB alone.
        bool opens = weights != ModelFile.Formula || head == "db";
        var photos = variants && opens && File.Exists(photo) ? NetworkVariants.Photos(weights, device, photo, repeats) : null;
        BenchOutput.WriteJson(json, new
        {
            device = backend.Name,
            description = backend.Description,
            head = file.Config.Head,
            height,
            width,
            milliseconds = median,
            bestMilliseconds = milliseconds[0],
            gmac,
            gflops,
            peakGflops = peak,
            shareOfPeak = gflops / peak,
            peakResidentMb = resident,
            repeatSystemAllocations = system,
            repeatManagedBytes = managed,
            ratioToOnnxRuntime = other is null ? (double?)null : BenchOutput.Median(ratios),
            bestRatioToOnnxRuntime = other is null ? (double?)null : others.Min() / milliseconds[0],
            onnxRuntimePeakResidentMb = other is null ? (double?)null : otherResident,
            differenceToOnnxRuntime = other is null ? (double?)null : difference,
            parts = parts.Blocks,
            networks,
            photos,
        });
        return 0;
    }

    /// <summary>The exported network in ONNX Runtime, and the peak of the memory that it takes in a process of its own.</summary>
    private static (OnnxNetwork Network, double ResidentMiB) Peer(ModelFile file, int height, int width, int threads)
    {
        string path = Path.Combine(Path.GetTempPath(), $"tcm-{Guid.NewGuid():N}.onnx");
        try
        {
            OnnxExport.Write(file, path, (height, width));
            double resident = double.Parse(OnnxProcess.Run(OnnxProcess.Beside("Tcm.Bench"),
                ["onnx-memory", path, "--height", $"{height}", "--width", $"{width}", "--threads", $"{threads}"]), CultureInfo.InvariantCulture);
            return (new OnnxNetwork(path, FormulaPicture.Values(height, width), height, width, threads), resident);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Largest difference between our result and the peer's, as a share of our result's range.</summary>
    private static double Difference(TcmModel model, Tensor input, OnnxNetwork other)
    {
        using var scope = TensorScope.Begin();
        float[] ours = model.Forward(input).ToArray();
        other.Run();
        return ours.Zip(other.Result, (a, b) => Math.Abs((double)a - b)).Max() / (ours.Max() - ours.Min());
    }

    /// <summary>
    /// Milliseconds of one run. Between contenders a pause in which the other's spinning threads fall asleep (they would take a
    /// core from this one for tens of milliseconds), and a run that wakes its own.
    /// </summary>
    private static double Time(Action run, bool contenders)
    {
        if (contenders)
        {
            Thread.Sleep(100);
            run();
        }
        long start = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
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
