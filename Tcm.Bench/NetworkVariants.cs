using System.Diagnostics;
using Tcm.Cli.Images;
using Tcm.Detect;
using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Nn;

namespace Tcm.Bench;

/// <summary>
/// What an application sees of a device, in every precision that it has: the network by single launches and as a recorded pass, one
/// and eight pictures at a time and at 1024x1824; and pictures from the bytes of their file to polygons, one after the other and
/// overlapping.
/// </summary>
internal static class NetworkVariants
{
    private const int WarmUps = 3;

    /// <summary>Times are medians, each with the device idle before and after.</summary>
    /// <param name="Precision">Of factors.</param>
    /// <param name="Pictures">Through the network at a time.</param>
    /// <param name="Height">Rows of the input.</param>
    /// <param name="Width">Columns of the input.</param>
    /// <param name="EagerMilliseconds">Operations called one by one.</param>
    /// <param name="RecordedMilliseconds">Replayed.</param>
    /// <param name="IsGraph">Whether by the driver.</param>
    /// <param name="Reason">Why not, on a device that has graphs.</param>
    /// <param name="PicturesPerSecond">By the better of both.</param>
    /// <param name="Tflops">Likewise.</param>
    /// <param name="LargestDifference">Between the results of both; 0 when replaying is right.</param>
    public sealed record Network(string Precision, int Pictures, int Height, int Width, double EagerMilliseconds,
        double RecordedMilliseconds, bool IsGraph, string? Reason, double PicturesPerSecond, double Tflops, double LargestDifference);

    /// <summary>Medians of single calls; pictures per second of a stream of them.</summary>
    /// <param name="Precision">Of factors.</param>
    /// <param name="Height">Rows of the network's input.</param>
    /// <param name="Width">Columns of the network's input.</param>
    /// <param name="DecodeMilliseconds">From the file's bytes to pixels, on one CPU thread.</param>
    /// <param name="DetectMilliseconds">From pixels to polygons.</param>
    /// <param name="PicturesPerSecond">From bytes to polygons with <see cref="TextDetector.DetectManyAsync"/>.</param>
    /// <param name="Regions">Found in the picture.</param>
    public sealed record Photo(string Precision, int Height, int Width, double DecodeMilliseconds, double DetectMilliseconds,
        double PicturesPerSecond, int Regions);

    /// <summary>Precisions of a device.</summary>
    private static IEnumerable<Precision> Precisions(string device) => device.StartsWith("cuda", StringComparison.Ordinal)
        ? [Precision.Fp32, Precision.Tf32, Precision.Fp16] : [Precision.Fp32];

    public static IReadOnlyList<Network> Networks(ModelFile file, string device, int height, int width, bool large, int repeats)
    {
        var results = new List<Network>();
        foreach (var precision in Precisions(device))
        {
            using var backend = Devices.Open(device, precision: precision);
            using var model = new TcmModel(file.Checkpoint, file.Config, backend);
            foreach (var (pictures, h, w) in ((int, int, int)[])[(1, height, width), (8, height, width), .. large ? [(1, 1024, 1824)] : Array.Empty<(int, int, int)>()])
            {
                results.Add(Measure(model, pictures, h, w, repeats));
            }
        }
        BenchOutput.Table(["network", "eager ms", "recorded ms", "graph", "pictures/s", "TFLOP/s", "difference"], results.Select(r => new[]
        {
            $"{r.Precision} {r.Pictures}x{r.Height}x{r.Width}", BenchOutput.Number(r.EagerMilliseconds), BenchOutput.Number(r.RecordedMilliseconds),
            r.IsGraph ? "yes" : "no", BenchOutput.Number(r.PicturesPerSecond, 1), BenchOutput.Number(r.Tflops), r.LargestDifference.ToString("E1"),
        }));
        foreach (string reason in results.Where(r => r.Reason is not null).Select(r => r.Reason!).Distinct())
        {
            Console.WriteLine($"no graph: {reason}");
        }
        return results;
    }

    public static IReadOnlyList<Photo> Photos(string weights, string device, string photo, int repeats)
    {
        var results = new List<Photo>();
        foreach (var precision in Precisions(device))
        {
            using var detector = TextDetector.Load(weights, new TextDetectorOptions { Device = device, Precision = precision });
            results.Add(Measure(detector, photo, precision, repeats));
        }
        BenchOutput.Table([photo, "decode ms", "detect ms", "bytes to polygons/s", "regions"], results.Select(r => new[]
        {
            $"{r.Precision} {r.Height}x{r.Width}", BenchOutput.Number(r.DecodeMilliseconds), BenchOutput.Number(r.DetectMilliseconds),
            BenchOutput.Number(r.PicturesPerSecond, 1), $"{r.Regions}",
        }));
        return results;
    }

    private static Network Measure(TcmModel model, int pictures, int height, int width, int repeats)
    {
        var backend = model.Backend;
        using var one = FormulaPicture.Create(backend, height, width);
        using var input = new Tensor(backend, [pictures, 3, height, width]);
        for (int i = 0; i < pictures; i++)
        {
            backend.Copy(one.Data, input.Data.Part(i * one.Length, one.Length));
        }
        void Eager()
        {
            using var scope = TensorScope.Begin();
            model.Forward(input);
            backend.Synchronize();
        }

        long before = Backend.MultiplyAdds;
        Eager();
        double flop = 2.0 * (Backend.MultiplyAdds - before);
        double eager = Median(Eager, repeats);

        Tensor? output = null;
        using var pass = backend.Record(() =>
        {
            using var scope = TensorScope.Begin();
            output?.Dispose();
            output = scope.Keep(model.Forward(input));
        });
        double recorded = Median(() =>
        {
            pass.Run();
            backend.Synchronize();
        }, repeats);
        float[] replayed = output!.ToArray();
        using var again = model.Forward(input);
        double difference = again.ToArray().Zip(replayed, (a, b) => Math.Abs((double)a - b)).Max();
        output.Dispose();
        double best = Math.Min(eager, recorded) / 1e3;
        return new Network($"{backend.Precision}", pictures, height, width, eager, recorded, pass.IsGraph, pass.Reason, pictures / best,
            flop / best / 1e12, difference);
    }

    private static Photo Measure(TextDetector detector, string photo, Precision precision, int repeats)
    {
        List<double> decode = [], detect = [];
        DetectionResult? result = null;
        for (int i = -WarmUps; i < repeats; i++)
        {
            long start = Stopwatch.GetTimestamp();
            var image = ImageFile.Read(photo);
            double decoded = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            start = Stopwatch.GetTimestamp();
            result = detector.Detect(image);
            if (i >= 0)
            {
                decode.Add(decoded);
                detect.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }
        int count = Math.Max(8, 4 * repeats);
        var options = new DetectManyOptions { MaxPending = 16, BatchSize = 8 };
        // The first stream pays for the sizes of its batches.
        double seconds = Stream(detector, photo, count, options);
        seconds = Math.Min(seconds, Stream(detector, photo, count, options));
        return new Photo($"{precision}", result!.NetworkSize.PaddedHeight, result.NetworkSize.PaddedWidth, BenchOutput.Median(decode),
            BenchOutput.Median(detect), count / seconds, result.Regions.Count);
    }

    private static double Stream(TextDetector detector, string photo, int count, DetectManyOptions options)
    {
        long start = Stopwatch.GetTimestamp();
        Task.Run(async () =>
        {
            await foreach (var output in detector.DetectManyAsync(Inputs(photo, count), options).ConfigureAwait(false))
            {
                if (output.Error is not null)
                {
                    throw output.Error;
                }
            }
        }).GetAwaiter().GetResult();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static async IAsyncEnumerable<DetectionInput> Inputs(string photo, int count)
    {
        for (int i = 0; i < count; i++)
        {
            yield return DetectionInput.From($"{i}", () => ImageFile.Read(photo));
        }
        await Task.CompletedTask.ConfigureAwait(false);
    }

    private static double Median(Action pass, int repeats)
    {
        var times = new List<double>();
        for (int i = -WarmUps; i < repeats; i++)
        {
            long start = Stopwatch.GetTimestamp();
            pass();
            if (i >= 0)
            {
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }
        return BenchOutput.Median(times);
    }
}
