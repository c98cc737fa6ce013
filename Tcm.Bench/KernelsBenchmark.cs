using System.CommandLine;
using System.Diagnostics;
using Tcm.Kernels;
using Tcm.Kernels.Attention;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Cpu;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.HalfImages;
using Tcm.Kernels.Images;
using Tcm.Kernels.MatrixProduct;
using Tcm.Kernels.Resampling;

namespace Tcm.Bench;

/// <summary>
/// <c>kernels</c>: every family on one device, at sizes of the network. On the CPU each vector width is a rung of the
/// ladder, on a GPU each version. Arithmetic kernels in GFLOP/s and share of the FMA peak, the others in GB/s and share of a
/// large copy; both ceilings are measured in the same run.
/// </summary>
internal static class KernelsBenchmark
{
    private const int Repeats = 7;

    /// <summary>One measurement beside its ceilings.</summary>
    /// <param name="Family">Of kernels.</param>
    /// <param name="Case">The shape.</param>
    /// <param name="Rung">The version.</param>
    /// <param name="Milliseconds">Of one call.</param>
    /// <param name="Gflops">Two for a multiply-add; 0 where nothing is multiplied.</param>
    /// <param name="GigabytesPerSecond">What must be read and written once.</param>
    /// <param name="ShareOfCompute">Of the arithmetic's ceiling in the rung's precision.</param>
    /// <param name="ShareOfMemory">Of the rate of a large copy.</param>
    private sealed record Row(string Family, string Case, string Rung, double Milliseconds, double Gflops, double GigabytesPerSecond,
        double ShareOfCompute, double ShareOfMemory)
    {
        /// <summary>Share of the lower of the two ceilings: the roofline.</summary>
        public double ShareOfPeak => Math.Max(ShareOfCompute, ShareOfMemory);
    }

    public static Command Create()
    {
        var family = new Option<string>("--family") { Description = "Only families whose name contains this." };
        var command = new Command("kernels", "The ladder of every kernel family on one device.")
        {
            family, BenchOptions.Device, BenchOptions.Threads, BenchOptions.Json, BenchOptions.Csv,
        };
        command.SetAction(parsed => Run(parsed.GetValue(BenchOptions.Device)!, parsed.GetValue(BenchOptions.Threads),
            parsed.GetValue(family) ?? "", parsed.GetValue(BenchOptions.Json), parsed.GetValue(BenchOptions.Csv)));
        return command;
    }

    private static int Run(string device, int threads, string only, FileInfo? json, FileInfo? csv)
    {
        // The copy is what the others are held against.
        bool Wanted(string family) => family == "copy" || family.Contains(only, StringComparison.OrdinalIgnoreCase);
        var rows = new List<Row>();
        var peaks = new Dictionary<string, double>();
        string description;
        using (var backend = Devices.Open(device, threads))
        {
            description = backend.Description;
        }
        if (string.Equals(device, "cpu", StringComparison.OrdinalIgnoreCase))
        {
            foreach (var level in Enum.GetValues<SimdLevel>().Where(Simd.IsSupported))
            {
                using var backend = new CpuBackend(threads, level);
                double peak = peaks[level.ToString()] = PeakFlops.MeasureGflops(backend.Threads);
                rows.AddRange(new Ladder(backend, level.ToString(), peak) { Applies = Wanted }.Measure());
            }
        }
        else
        {
            using var backend = (GpuBackend)Devices.Open(device, threads);
            foreach (var precision in Enum.GetValues<Precision>().Where(backend.Supports))
            {
                peaks[precision.ToString()] = GpuLadder.PeakGflops(backend, precision);
            }
            foreach (string rung in GpuLadder.Rungs(backend))
            {
                double ceiling = peaks[GpuLadder.PrecisionOf(rung).ToString()];
                var has = GpuLadder.Choose(backend, rung);
                rows.AddRange(new Ladder(backend, rung, ceiling) { Applies = family => has(family) && Wanted(family) }.Measure());
            }
        }
        Console.WriteLine(description);
        BenchOutput.Table(["family", "case", "rung", "ms", "GFLOP/s", "GB/s", "% of compute", "% of memory"],
            rows.OrderBy(r => r.Family, StringComparer.Ordinal).ThenBy(r => r.Case, StringComparer.Ordinal).Select(r => new[]
            {
                r.Family, r.Case, r.Rung, BenchOutput.Number(r.Milliseconds, 3),
                r.Gflops > 0 ? BenchOutput.Number(r.Gflops, 0) : "", BenchOutput.Number(r.GigabytesPerSecond, 1),
                r.Gflops > 0 ? BenchOutput.Number(100 * r.ShareOfCompute, 0) : "", BenchOutput.Number(100 * r.ShareOfMemory, 0),
            }));
        double copy = rows.Find(r => r.Family == "copy")?.GigabytesPerSecond ?? double.NaN;
        Console.WriteLine("ceilings: " + string.Join(", ", peaks.Select(p => $"{p.Key} {BenchOutput.Number(p.Value, 0)} GFLOP/s"))
            + $", copy {BenchOutput.Number(copy, 1)} GB/s");
        BenchOutput.WriteJson(json, new { device, description, peaks, rows });
        BenchOutput.WriteCsv(csv,
            ["family", "case", "rung", "milliseconds", "gflops", "gigabytes_per_second", "share_of_compute", "share_of_memory",
                "share_of_roofline", "device"],
            rows.Select(r => (object[])[r.Family, r.Case, r.Rung, r.Milliseconds, r.Gflops, r.GigabytesPerSecond, r.ShareOfCompute,
                r.ShareOfMemory, r.ShareOfPeak, description]));
        return 0;
    }

    /// <summary>One backend's row of every case.</summary>
    private sealed class Ladder(Backend backend, string rung, double peakGflops)
    {
        private readonly List<Row> _rows = [];
        private double _copyRate = double.NaN;

        /// <summary>Whether this rung is one of a family's.</summary>
        public Func<string, bool> Applies { get; init; } = _ => true;

        public List<Row> Measure()
        {
            const int large = 1 << 24;
            // The ceiling of memory, for every rung; a row of its own where the rung has copies.
            double copy = Time(large, large,
                (x, y) => backend.Indexing.CopyRuns(64, large / 64, x, large / 64, y, large / 64), out _);
            _copyRate = 2L * large * 4e-6 / copy;
            if (Applies("copy"))
            {
                _rows.Add(new Row("copy", "16M floats", rung, copy, 0, _copyRate, 0, 1));
            }
            Convolutions();
            Products();
            Attention("32 heads x 64, 401 tokens", new AttentionShape(1, 32, 401, 401, 64, 0.125f, false, 6144, 6144, 6144));
            Attention("8 heads x 64, 18 tokens, causal", new AttentionShape(1, 8, 18, 18, 64, 0.125f, true, 1536, 1536, 1536));
            Others();
            return _rows;
        }

        private void Convolutions()
        {
            Convolve("1x1 256->64 @160", new Conv2dFilter(256, 64, 1, 1), 160);
            Convolve("1x1 512->2048 @20", new Conv2dFilter(512, 2048, 1, 1), 20);
            Convolve("3x3 128->128 @80", new Conv2dFilter(128, 128, 3, 3, 1, 1), 80);
            Convolve("3x3 s2 3->32 @640", new Conv2dFilter(3, 32, 3, 3, 2, 1), 640);
            Convolve("depthwise 3x3 128 @160", new Conv2dFilter(128, 128, 3, 3, 1, 1, 128), 160);
            using var prepared = backend.Convolution.PrepareTransposed2x2(64, 64, new float[64 * 64 * 4], [], Activation.Relu);
            Computed("convolution", $"transposed 64->64 @160 ({prepared.Algorithm})", prepared, 160);
        }

        private void Convolve(string name, Conv2dFilter filter, int size)
        {
            using var prepared = backend.Convolution.Prepare(filter, new float[filter.WeightLength], [], Activation.Relu);
            Computed("convolution", $"{name} ({prepared.Algorithm})", prepared, size);
        }

        /// <summary>A convolution of one square image, in half precision where it was prepared for that.</summary>
        private void Computed(string family, string name, PreparedConvolution prepared, int size)
        {
            var (p, q) = prepared.OutputSize(size, size);
            var (f, input) = (prepared.Filter, new ImageBatch(1, size, size));
            HalfShape x = new(1, f.C, size, size), y = new(1, f.K, p, q);
            if (prepared.TakesHalfImages && backend is GpuBackend gpu)
            {
                Computed(family, name, x.Length, prepared.GivesPlanes ? y.Pixels * f.K : y.Length,
                    (from, to) => gpu.HalfOperations.Convolve(prepared, input, from, to), prepared.PackedBytes);
                return;
            }
            Computed(family, name, x.Pixels * f.C, y.Pixels * f.K, (from, to) => backend.Convolution.Run(prepared, input, from, to),
                prepared.PackedBytes);
        }

        private void Products()
        {
            if (GpuLadder.IsHalf(rung))
            {
                HalfLinear(401);
                HalfLinear(1);
                HalfProducts();
                return;
            }
            using (var prepared = backend.MatrixProduct.Prepare(6144, 2048, new float[6144 * 2048], [], Activation.None))
            {
                Computed("linear", "401x2048 to 6144", 401 * 2048, 401 * 6144,
                    (x, y) => backend.MatrixProduct.Linear(prepared, 401, x, y), 4 * 6144 * 2048);
                Computed("linear", "1x2048 to 6144", 2048, 6144, (x, y) => backend.MatrixProduct.Linear(prepared, 1, x, y),
                    4 * 6144 * 2048);
            }
            // What keeps a CPU busy does not fill a GPU.
            foreach (int n in backend is GpuBackend ? (int[])[1024, 4096, 8192] : [512, 1024])
            {
                var shape = new MatrixShape(1, n, n, n, false, false, 0, 0, (long)n * n);
                Computed("multiply", $"{n}x{n}x{n}", (long)n * n, (long)n * n,
                    (x, y) => backend.MatrixProduct.Multiply(shape, x, x, y));
            }
        }

        private void HalfLinear(int rows)
        {
            if (Applies("linear"))
            {
                using var prepared = backend.MatrixProduct.Prepare(6144, 2048, new float[6144 * 2048], [], Activation.None);
                var half = ((GpuBackend)backend).HalfOperations;
                Computed("linear", $"{rows}x2048 to 6144", rows * 1024, rows * 3072,
                    (x, y) => half.Linear(prepared, new HalfShape(1, 2048, 1, rows), x, y), 2 * 6144 * 2048);
            }
        }

        /// <summary>Square products as 1x1 convolutions: n channels of n pixels.</summary>
        private void HalfProducts()
        {
            foreach (int side in (int[])[32, 64])
            {
                int n = side * side;
                if (Applies("multiply"))
                {
                    using var prepared = backend.Convolution.Prepare(new Conv2dFilter(n, n, 1, 1), new float[(long)n * n], [],
                        Activation.None);
                    Computed("multiply", $"{n}x{n}x{n}", prepared, side);
                }
            }
        }

        private void Attention(string name, AttentionShape shape)
        {
            int width = shape.Width;
            long length = (long)shape.Queries * shape.QueryStride;
            if (GpuLadder.IsHalf(rung))
            {
                // Words of two halves.
                var half = ((GpuBackend)backend).HalfOperations;
                Computed("attention", name, length / 2, (long)shape.Queries * width / 2, (x, y) => half.Attention(shape, x,
                    x.Part(width / 2, (length - width) / 2), x.Part(width, (length / 2) - width), y));
                return;
            }
            Computed("attention", name, length, (long)shape.Queries * width, (x, y) => backend.Attention.Forward(shape, x,
                x.Part(width, length - width), x.Part(2 * width, length - (2 * width)), y));
        }

        private void Others()
        {
            const int n = 256 * 160 * 160, rows = 400, columns = 1024;
            Moved("elementwise", "add", 3L * n, n, n,
                (x, y) => backend.Elementwise.Binary(BinaryOp.Add, Broadcast.Full(n), x, x, y));
            foreach (var activation in (Activation[])[Activation.Relu, Activation.QuickGelu, Activation.Gelu, Activation.Sigmoid])
            {
                Moved("elementwise", activation.ToString(), 2L * n, n, n,
                    (x, y) => backend.Elementwise.Activate(activation, x, y));
            }
            using var vector = backend.Allocate(columns);
            backend.Fill(vector.All, 1);
            if (GpuLadder.IsHalf(rung))
            {
                var half = ((GpuBackend)backend).HalfOperations;
                var tokens = new HalfShape(1, columns, 1, rows);
                Moved("normalization", "LayerNorm 400x1024", tokens.Length * 2, tokens.Length, tokens.Length,
                    (x, y) => half.LayerNorm(tokens, 1e-5f, x, vector.All, vector.All, y));
                Moved("normalization", "cosine 400x1024", tokens.Length, tokens.Length, rows,
                    (x, y) => half.Cosine(tokens, 1e-12f, x, x, y));
                return;
            }
            Moved("normalization", "LayerNorm 400x1024", 2L * rows * columns, rows * columns, rows * columns,
                (x, y) => backend.Normalization.LayerNorm(rows, columns, 1e-5f, x, vector.All, vector.All, y));
            Moved("normalization", "softmax 400x1024", 2L * rows * columns, rows * columns, rows * columns,
                (x, y) => backend.Normalization.Softmax(rows, columns, x, y));
            Moved("normalization", "L2 400x1024", 2L * rows * columns, rows * columns, rows * columns,
                (x, y) => backend.Normalization.L2Normalize(rows, columns, 1e-12f, x, y));
            Moved("reduction", "mean of 2048 planes 20x20", 2048 * 400, 2048 * 400, 2048,
                (x, y) => backend.Reduction.Mean(2048, 400, 1, x, y));
            Moved("pooling", "2x2 of 256 planes 160x160", n + (n / 4), n, n / 4,
                (x, y) => backend.Pooling.Forward(256, 160, 160, 2, x, y));
            Moved("resampling", "nearest 80 to 160, added", (n / 4) + (2L * n), n / 4, n, (x, y) =>
                backend.Resampling.Resize(ResizeMode.Nearest, new ResizeShape(1, 256, 80, 80, 160, 160), x, y, true));
            Moved("resampling", "bilinear 20 to 23x40", 2048 * (400 + 920), 2048 * 400, 2048 * 920, (x, y) =>
                backend.Resampling.Resize(ResizeMode.Bilinear, new ResizeShape(1, 2048, 20, 20, 23, 40), x, y));
            Moved("resampling", "nearest 80 to 160", (n / 4) + n, n / 4, n, (x, y) =>
                backend.Resampling.Resize(ResizeMode.Nearest, new ResizeShape(1, 256, 80, 80, 160, 160), x, y));
            byte[] rgb = new byte[720 * 1280 * 3];
            // Bytes come in, floats go out: counted in floats.
            Moved("images", "normalise and pad 720x1280 to 736x1280", (rgb.Length / 4) + (3 * 736 * 1280), 1, 3 * 736 * 1280,
                (_, y) => backend.Images.NormalizePad(rgb, 3 * 1280, 720, 1280, 736, 1280,
                    new ChannelNormalization(123.7f, 116.3f, 103.5f, 0.017f, 0.017f, 0.017f), y));
            Moved("indexing", "transpose 2048x400", 2L * 2048 * 400, 2048 * 400, 2048 * 400,
                (x, y) => backend.Indexing.Transpose(1, 2048, 400, x, y));
        }

        private void Computed(string family, string name, long inputs, long outputs, Action<Slice, Slice> run, long weightBytes = 0)
        {
            long before = Backend.MultiplyAdds;
            if (!Applies(family))
            {
                return;
            }
            double ms = Time(inputs, outputs, run, out int runs);
            double gflops = 2e-6 * (Backend.MultiplyAdds - before) / runs / ms;
            double rate = (4e-6 * (inputs + outputs) + 1e-6 * weightBytes) / ms;
            _rows.Add(new Row(family, name, rung, ms, gflops, rate, gflops / peakGflops, rate / _copyRate));
        }

        private void Moved(string family, string name, long floats, long inputs, long outputs, Action<Slice, Slice> run)
        {
            if (!Applies(family))
            {
                return;
            }
            double ms = Time(inputs, outputs, run, out _), rate = floats * 4e-6 / ms;
            _rows.Add(new Row(family, name, rung, ms, 0, rate, 0, rate / _copyRate));
        }

        /// <summary>
        /// Median milliseconds of a run after a warm-up; the device is idle before and after each on the CPU, before and after ten
        /// on a GPU, where a launch would be most of what is measured.
        /// </summary>
        private double Time(long inputs, long outputs, Action<Slice, Slice> run, out int runs)
        {
            using var x = backend.Allocate(inputs);
            using var y = backend.Allocate(outputs);
            backend.Fill(x.All, 0.5f);
            backend.Fill(y.All, 0);
            var times = new List<double>();
            int together = backend is GpuBackend ? 10 : 1;
            for (runs = 0; runs < together * (Repeats + 3); runs += together)
            {
                backend.Synchronize();
                long start = Stopwatch.GetTimestamp();
                for (int i = 0; i < together; i++)
                {
                    run(x.All, y.All);
                }
                backend.Synchronize();
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds / together);
            }
            return BenchOutput.Median(times[3..]);
        }
    }
}
