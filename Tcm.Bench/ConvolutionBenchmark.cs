using System.CommandLine;
using System.Diagnostics;
using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Cpu;
using Tcm.Nn.Autograd;
using Tcm.Nn.Onnx;

namespace Tcm.Bench;

/// <summary>Every convolution of a model on the CPU, beside ONNX Runtime on the same shapes and threads.</summary>
internal static class ConvolutionBenchmark
{
    /// <summary>A layer, its input size, and how often the network runs it.</summary>
    private sealed record Layer(Conv2dFilter Filter, int Height, int Width, int Count, bool Transposed)
    {
        public override string ToString() => (Transposed
            ? $"T {Filter.C}->{Filter.K} 2x2"
            : $"{Filter.C}->{Filter.K} {Filter.R}x{Filter.S}{(Filter.Stride > 1 ? $" s{Filter.Stride}" : "")}") + $" @{Height}x{Width}";

        public double Gflop => 2e-9 * (Transposed ? 4L * Filter.C * Filter.K * Height * Width
            : new Conv2dShape(Filter, new ImageBatch(1, Height, Width)).MultiplyAdds);
    }

    private sealed record Row(string Shape, int Count, double Gflop, double Milliseconds, double Gflops, double PercentOfPeak,
        double OnnxRuntimeMilliseconds, double Ratio, string Algorithm);

    /// <summary>The convolutions of a model, found by tracing one forward pass; equal ones are counted.</summary>
    private static List<Layer> LayersOf(string weights, int height, int width)
    {
        using var file = ModelFile.Open(weights);
        using var backend = new CpuBackend();
        using var store = new ParameterStore { IsTraining = false };
        using var model = new TcmModel(file.Checkpoint, file.Config, backend, store);
        using var traced = TracedGraph.Trace(backend, x => model.Forward(x), (height, width));
        return [.. traced.Operations.Where(o => o.Name is "Conv2d" or "ConvTranspose2d").Select(o =>
        {
            var (x, w) = (o.Operands[0]!.Shape, o.Operands[1]!.Shape);
            bool transposed = o.Name == "ConvTranspose2d";
            var filter = transposed ? new Conv2dFilter(w[0], w[1], 2, 2, 2) : (Conv2dFilter)o.Attributes!;
            return new Layer(filter, x[2], x[3], 1, transposed);
        }).GroupBy(layer => layer).Select(group => group.Key with { Count = group.Count() })];
    }

    public static Command Create()
    {
        var rounds = new Option<int>("--rounds") { Description = "timed rounds of each layer", DefaultValueFactory = _ => 7 };
        var filter = new Option<string>("--filter") { Description = "only layers whose name contains this" };
        var command = new Command("convolution", "Convolutions of the network against ONNX Runtime")
        {
            BenchOptions.Weights, BenchOptions.Height, BenchOptions.Width, rounds, filter, BenchOptions.Threads, BenchOptions.Json,
        };
        command.SetAction(p => Run(LayersOf(p.GetValue(BenchOptions.Weights)!, p.GetValue(BenchOptions.Height),
            p.GetValue(BenchOptions.Width)), p.GetValue(BenchOptions.Threads), p.GetValue(rounds), p.GetValue(filter) ?? "",
            p.GetValue(BenchOptions.Json)));
        return command;
    }

    private static int Run(List<Layer> all, int threads, int rounds, string filter, FileInfo? json)
    {
        using var backend = new CpuBackend(threads);
        double peak = PeakFlops.MeasureGflops(backend.Threads, backend.Level);
        Console.WriteLine($"{backend.Description}; multiply-add peak {peak:F0} GFLOP/s");
        var rows = new List<Row>();
        var layers = all.Where(l => l.ToString().Contains(filter, StringComparison.Ordinal));
        var convolution = backend.Convolution;
        foreach (var layer in layers)
        {
            rows.Add(Measure(backend, convolution, layer, peak, rounds));
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

    private static Row Measure(CpuBackend backend, Convolution2d convolution, Layer layer, double peak, int rounds)
    {
        var f = layer.Filter;
        var random = new Random(1);
        float[] weight = Values(random, (int)f.WeightLength, 1 / Math.Sqrt((double)f.C * f.R * f.S)), bias = Values(random, f.K, 1);
        float[] x = Values(random, f.C * layer.Height * layer.Width, 1);
        var input = new ImageBatch(1, layer.Height, layer.Width);
        using var prepared = layer.Transposed
            ? convolution.PrepareTransposed2x2(f.C, f.K, weight, bias, Activation.Relu)
            : convolution.Prepare(f, weight, bias, Activation.Relu);
        var (p, q) = prepared.OutputSize(layer.Height, layer.Width);
        var y = new float[f.K * p * q];
        var expected = new float[y.Length];
        using var deviceX = backend.Allocate(x.Length);
        using var deviceY = backend.Allocate(y.Length);
        backend.Upload(x, deviceX.All);
        using var onnx = new OnnxConvolution(f, layer.Transposed, layer.Height, layer.Width, x, expected, weight, bias,
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
        return new Row(layer.ToString(), layer.Count, layer.Gflop, ms, gflops, gflops / peak * 100, onnxMs, onnxMs / ms,
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
        Thread.Sleep(100);
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
