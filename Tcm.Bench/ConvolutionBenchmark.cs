using System.CommandLine;
using System.Diagnostics;
using Tcm.Kernels;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Cpu;

namespace Tcm.Bench;

/// <summary>Every convolution of TCM-DB at 640x640 on the CPU, beside ONNX Runtime on the same shapes and threads.</summary>
internal static class ConvolutionBenchmark
{
    /// <summary>A layer, its input size, and how often the network runs it.</summary>
    private sealed record Layer(Conv2dFilter Filter, int Size, int Count, bool Transposed = false)
    {
        public override string ToString() => Transposed
            ? $"T {Filter.C}->{Filter.K} 2x2 @{Size}"
            : $"{Filter.C}->{Filter.K} {Filter.R}x{Filter.S}{(Filter.Stride > 1 ? $" s{Filter.Stride}" : "")} @{Size}";

        public double Gflop => 2e-9 * (Transposed ? 4L * Filter.C * Filter.K * Size * Size
            : new Conv2dShape(Filter, new ImageBatch(1, Size, Size)).MultiplyAdds);
    }

    private sealed record Row(string Shape, int Count, double Gflop, double Milliseconds, double Gflops, double PercentOfPeak,
        double OnnxRuntimeMilliseconds, double Ratio, string Algorithm);

    private static readonly Layer[] Layers =
    [
        new(new(3, 32, 3, 3, 2, 1), 640, 1), Three(32, 32, 320), Three(32, 64, 320),
        One(64, 64, 160), Three(64, 64, 160, 3), One(64, 256, 160, 4), One(256, 64, 160, 2),
        One(256, 128, 160), Three(128, 128, 160), One(128, 512, 80, 4), One(256, 512, 80), One(512, 128, 80, 3),
        Three(128, 128, 80, 3),
        One(512, 256, 80), Three(256, 256, 80), One(256, 1024, 40, 6), One(512, 1024, 40), One(1024, 256, 40, 5),
        Three(256, 256, 40, 5),
        One(1024, 512, 40), Three(512, 512, 40), One(512, 2048, 20, 3), One(1024, 2048, 20), One(2048, 512, 20, 2),
        Three(512, 512, 20, 2),
        One(256, 256, 160), One(512, 256, 80), One(1024, 256, 40), One(2049, 256, 20),
        Three(256, 64, 160, 2), Three(256, 64, 80), Three(256, 64, 40), Three(256, 64, 20),
        new(new(64, 64, 2, 2, 2), 160, 1, true), new(new(64, 1, 2, 2, 2), 320, 1, true),
    ];

    private static Layer One(int c, int k, int size, int count = 1) => new(new(c, k, 1, 1), size, count);

    private static Layer Three(int c, int k, int size, int count = 1) => new(new(c, k, 3, 3, 1, 1), size, count);

    public static Command Create()
    {
        var rounds = new Option<int>("--rounds") { Description = "timed rounds of each layer", DefaultValueFactory = _ => 7 };
        var filter = new Option<string>("--filter") { Description = "only layers whose name contains this" };
        var command = new Command("convolution", "Convolutions of the network against ONNX Runtime")
        {
            rounds, filter, BenchOptions.Threads, BenchOptions.Json,
        };
        command.SetAction(p => Run(p.GetValue(BenchOptions.Threads), p.GetValue(rounds), p.GetValue(filter) ?? "",
            p.GetValue(BenchOptions.Json)));
        return command;
    }

    private static int Run(int threads, int rounds, string filter, FileInfo? json)
    {
        using var backend = new CpuBackend(threads);
        double peak = PeakFlops.MeasureGflops(backend.Threads, backend.Level);
        Console.WriteLine($"{backend.Description}; multiply-add peak {peak:F0} GFLOP/s");
        var rows = new List<Row>();
        var layers = Layers.Where(l => l.ToString().Contains(filter, StringComparison.Ordinal)).DistinctBy(l => l.ToString());
        var convolution = backend.Convolution;
        foreach (var layer in layers)
        {
            int count = Layers.Where(l => l.ToString() == layer.ToString()).Sum(l => l.Count);
            rows.Add(Measure(backend, convolution, layer, count, peak, rounds));
            Console.Error.Write('.');
        }
        Console.Error.WriteLine();
        string[] header = ["shape", "n", "GFLOP", "ms", "GFLOP/s", "% peak", "ORT ms", "ratio", "algorithm"];
        BenchOutput.Table(header, rows.Select(r => new[]
        {
            r.Shape, r.Count.ToString(), BenchOutput.Number(r.Gflop, 3), BenchOutput.Number(r.Milliseconds, 3),
            BenchOutput.Number(r.Gflops, 0), BenchOutput.Number(r.PercentOfPeak, 0),
            BenchOutput.Number(r.OnnxRuntimeMilliseconds, 3), BenchOutput.Number(r.Ratio), r.Algorithm,
        }));
        double mean = BenchOutput.GeometricMean(rows.Select(r => r.Ratio));
        double gflop = rows.Sum(r => r.Gflop * r.Count), ours = rows.Sum(r => r.Milliseconds * r.Count);
        double others = rows.Sum(r => r.OnnxRuntimeMilliseconds * r.Count);
        double share = gflop / ours * 1e3 / peak * 100;
        Console.WriteLine($"geometric mean of the ratios {mean:F2}; whole network {gflop:F1} GFLOP: {ours:F1} ms " +
            $"({gflop / ours * 1e3:F0} GFLOP/s, {share:F0} % of peak), ONNX Runtime {others:F1} ms");
        BenchOutput.WriteJson(json, new
        {
            device = backend.Description,
            threads = backend.Threads,
            peakGflops = peak,
            geometricMeanRatio = mean,
            networkGflop = gflop,
            networkMilliseconds = ours,
            networkOnnxRuntimeMilliseconds = others,
            networkPercentOfPeak = share,
            rows,
        });
        return 0;
    }

    private static Row Measure(CpuBackend backend, Convolution2d convolution, Layer layer, int count, double peak, int rounds)
    {
        var f = layer.Filter;
        var random = new Random(1);
        float[] weight = Values(random, (int)f.WeightLength, 1 / Math.Sqrt((double)f.C * f.R * f.S)), bias = Values(random, f.K, 1);
        float[] x = Values(random, f.C * layer.Size * layer.Size, 1);
        var input = new ImageBatch(1, layer.Size, layer.Size);
        using var prepared = layer.Transposed
            ? convolution.PrepareTransposed2x2(f.C, f.K, weight, bias, Activation.Relu)
            : convolution.Prepare(f, weight, bias, Activation.Relu);
        var (p, q) = prepared.OutputSize(layer.Size, layer.Size);
        var y = new float[f.K * p * q];
        var expected = new float[y.Length];
        using var deviceX = backend.Allocate(x.Length);
        using var deviceY = backend.Allocate(y.Length);
        backend.Upload(x, deviceX.All);
        using var onnx = new OnnxConvolution(f, layer.Transposed, layer.Size, layer.Size, x, expected, weight, bias,
            backend.Threads);
        var ours = new List<double>();
        var others = new List<double>();
        for (int round = 0; round < rounds; round++)
        {
            ours.Add(Time(() => convolution.Run(prepared, input, deviceX.All, deviceY.All)));
            others.Add(Time(onnx.Run));
        }
        backend.Download(deviceY.All, y);
        Compare(layer, y, expected);
        double ms = BenchOutput.Median(ours), gflops = layer.Gflop / ms * 1e3;
        double onnxMs = BenchOutput.Median(others);
        return new Row(layer.ToString(), count, layer.Gflop, ms, gflops, gflops / peak * 100, onnxMs, onnxMs / ms,
            prepared.Algorithm);
    }

    private static void Compare(Layer layer, float[] y, float[] expected)
    {
        double worst = 0;
        for (int i = 0; i < y.Length; i++)
        {
            worst = Math.Max(worst, Math.Abs(y[i] - expected[i]));
        }
        if (!(worst < 1e-4))
        {
            throw new TcmException($"{layer}: the contenders differ by {worst}");
        }
    }

    /// <summary>Milliseconds of one run, the best of three that follow a warm-up and a pause in which the other contender's
    /// spinning threads fall asleep.</summary>
    private static double Time(Action run)
    {
        Thread.Sleep(20);
        run();
        double best = double.MaxValue;
        for (int i = 0; i < 3; i++)
        {
            long start = Stopwatch.GetTimestamp();
            run();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        return best;
    }

    private static float[] Values(Random random, int count, double scale) =>
        [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 2 - 1) * scale))];
}
