using System.CommandLine;
using System.Diagnostics;
using Tcm.Kernels;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Gpu;

namespace Tcm.Bench;

/// <summary>
/// <c>training-kernels</c>: convolution with weights that change, and its gradients, at sizes of a training step. Other
/// programs may share the processor, so the peak is measured in turns with every row, and both are the best of all turns.
/// On a GPU every version of the kernels is a row, and the peak, which nothing shares, is measured once.
/// </summary>
internal static class TrainingKernelsBenchmark
{
    private const int Rounds = 8;
    private const double RoundSeconds = 0.1;

    // The readable one first, the default last.
    private static readonly GpuConvolutionVersion[] versions =
        [GpuConvolutionVersion.Naive, GpuConvolutionVersion.Gemm64, GpuConvolutionVersion.Gemm128, GpuConvolutionVersion.Auto,
            GpuConvolutionVersion.Tf32, GpuConvolutionVersion.Bf16];

    private sealed record Row(string Layer, string Operation, string Version, double Milliseconds, double Gflops, double ShareOfPeak);

    public static Command Create()
    {
        var command = new Command("training-kernels", "Forward, input gradient and weight gradient of typical convolutions.")
        {
            BenchOptions.Device, BenchOptions.Threads, BenchOptions.Json,
        };
        command.SetAction(parsed => Run(parsed.GetValue(BenchOptions.Device)!, parsed.GetValue(BenchOptions.Threads),
            parsed.GetValue(BenchOptions.Json)));
        return command;
    }

    private static Conv2dShape[] Layers =>
    [
        new(new(3, 12, 3, 3, 2, 1), new(8, 384, 384)),
        new(new(12, 12, 3, 3, 1, 1), new(8, 192, 192)),
        new(new(24, 24, 3, 3, 1, 1), new(8, 96, 96)),
        new(new(96, 24, 1, 1), new(8, 96, 96)),
        new(new(24, 96, 1, 1), new(8, 96, 96)),
        new(new(48, 48, 3, 3, 1, 1), new(8, 48, 48)),
        new(new(64, 64, 3, 3, 1, 1), new(8, 80, 80)),
        new(new(384, 96, 1, 1), new(8, 24, 24)),
        new(new(192, 192, 3, 3, 1, 1), new(8, 12, 12)),
        new(new(768, 192, 1, 1), new(8, 12, 12)),
        new(new(64, 64, 2, 2, 2), new(8, 192, 192)),
        new(new(64, 64, 3, 3, 1, 1, 64), new(8, 96, 96)),
    ];

    private static int Run(string device, int threads, FileInfo? json)
    {
        using var backend = Devices.Open(device, threads);
        var gpu = backend as GpuBackend;
        var peaks = gpu is null ? [] : Enum.GetValues<Precision>().Where(gpu.Supports)
            .ToDictionary(p => p, p => GpuLadder.PeakGflops(gpu, p));
        bool cpu = backend is Kernels.Cpu.CpuBackend;
        var rows = new List<Row>();
        foreach (var shape in Layers)
        {
            using var x = Filled(backend, shape.Input.N * shape.InputImage);
            using var y = Filled(backend, shape.Input.N * shape.OutputImage);
            using var w = Filled(backend, shape.Filter.WeightLength);
            foreach (var version in gpu is null ? [GpuConvolutionVersion.Auto]
                : versions.Where(v => gpu.Supports(GpuLadder.PrecisionOf(v.ToString()))))
            {
                if (gpu is not null)
                {
                    ((GpuConvolution)gpu.Convolution).Version = version;
                }
                Measure("forward", version, () => backend.Convolution.Forward(shape, x.All, w.All, y.All));
                Measure("input gradient", version, () => backend.Convolution.InputGradient(shape, y.All, w.All, x.All));
                Measure("weight gradient", version, () => backend.Convolution.WeightGradient(shape, x.All, y.All, w.All));
            }

            void Measure(string operation, GpuConvolutionVersion version, Action action)
            {
                action();
                backend.Synchronize();
                double peak = gpu is null ? double.NaN : peaks[GpuLadder.PrecisionOf(version.ToString())];
                double seconds = double.PositiveInfinity;
                for (int round = 0; round < Rounds; round++)
                {
                    peak = cpu ? Math.Max(PeakFlops.MeasureGflops(threads), double.IsNaN(peak) ? 0 : peak) : peak;
                    seconds = Math.Min(seconds, Best(backend, action));
                }
                double gflops = 2e-9 * shape.MultiplyAdds / seconds;
                rows.Add(new(shape.ToString(), operation, version.ToString(), 1000 * seconds, gflops, gflops / peak));
            }
        }
        Console.WriteLine(backend.Description);
        BenchOutput.Table(["layer", "operation", "version", "ms", "GFLOP/s", "% of peak"], rows.Select(r => new[]
        {
            r.Layer, r.Operation, r.Version, BenchOutput.Number(r.Milliseconds, 3), BenchOutput.Number(r.Gflops, 1),
            double.IsNaN(r.ShareOfPeak) ? "" : BenchOutput.Number(100 * r.ShareOfPeak, 0),
        }));
        BenchOutput.WriteJson(json, new
        {
            device,
            description = backend.Description,
            rows = rows.Select(r => double.IsNaN(r.ShareOfPeak) ? r with { ShareOfPeak = 0 } : r),
        });
        return 0;
    }

    private static Storage Filled(Backend backend, long length)
    {
        var storage = backend.Allocate(length);
        backend.Fill(storage.All, 1e-3f);
        return storage;
    }

    private static double Best(Backend backend, Action action)
    {
        double best = double.PositiveInfinity;
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < 2 || Stopwatch.GetElapsedTime(start).TotalSeconds < RoundSeconds; i++)
        {
            long began = Stopwatch.GetTimestamp();
            action();
            backend.Synchronize();
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }
        return best;
    }
}
