using System.CommandLine;
using System.Diagnostics;
using System.Numerics;
using Tcm.Detect;
using Tcm.Detect.Heads.Db;
using Tcm.Detect.Heads.Fce;
using Tcm.Detect.Heads.Pan;
using Tcm.Detect.Preprocessing;

namespace Tcm.Bench;

/// <summary><c>postprocess</c>: the host's share of a detection, without the network: resize, and post-processing of DB, PAN and FCE.</summary>
internal static class PostprocessBenchmark
{
    private const int Width = 1280, Height = 736, Regions = 200, HalfLength = 25, HalfWidth = 5;

    public static Command Create()
    {
        var command = new Command("postprocess", "Resize and post-processing (DB, PAN, FCE) of 200 regions at 1280x736.")
        {
            BenchOptions.Json,
        };
        command.SetAction(parsed => Run(parsed.GetValue(BenchOptions.Json)));
        return command;
    }

    /// <summary>A probability map with bars of text-like size at many angles.</summary>
    internal static float[] SlantedBars(int width, int height, int count)
    {
        var map = new float[width * height];
        foreach (var (cx, cy, angle) in Bars(width, height, count))
        {
            var (sin, cos) = Math.SinCos(angle);
            for (int y = Math.Max((int)cy - 30, 0); y < Math.Min(cy + 30, height); y++)
            {
                for (int x = (int)cx - 30; x < Math.Min(cx + 30, width); x++)
                {
                    double u = ((x - cx) * cos) + ((y - cy) * sin), v = ((y - cy) * cos) - ((x - cx) * sin);
                    if (Math.Abs(u) < HalfLength && Math.Abs(v) < HalfWidth)
                    {
                        map[(y * width) + x] = 0.8f;
                    }
                }
            }
        }
        return map;
    }

    /// <summary>Corners of the same bars.</summary>
    internal static IEnumerable<Vector2[]> SlantedBarCorners(int width, int height, int count)
    {
        foreach (var (cx, cy, angle) in Bars(width, height, count))
        {
            Vector2 center = new((float)cx, (float)cy), along = new((float)Math.Cos(angle), (float)Math.Sin(angle));
            Vector2 length = along * HalfLength, across = new Vector2(-along.Y, along.X) * HalfWidth;
            yield return [center - length - across, center + length - across, center + length + across, center - length + across];
        }
    }

    private static IEnumerable<(double X, double Y, double Angle)> Bars(int width, int height, int count)
    {
        const int cell = 64;
        var random = new Random(1);
        int columns = width / cell, rows = (count + columns - 1) / columns;
        for (int i = 0; i < count; i++)
        {
            yield return ((cell / 2) + (i % columns * cell), (cell / 2) + (i / columns * cell * (height / cell) / rows),
                random.NextDouble() * Math.PI);
        }
    }

    private static int Run(FileInfo? json)
    {
        var rows = new List<object>();
        var image = ImageBuffer.From(new byte[3 * 1280 * 720], 1280, 720, PixelFormat.Rgb24);
        var memory = new byte[3 * 1824 * 1026];
        var policy = new ResizePolicy(4068, 1026);
        Measure("resize 1280x720 to 1824x1026", () =>
        {
            Preprocessor.Prepare(image, policy, memory);
            return 0;
        });
        float[] map = SlantedBars(Width, Height, Regions);
        foreach (var (polygons, ratio) in ((bool, float)[])[(false, 0.01f), (false, 0.001f), (true, 0.004f), (true, 0.0001f)])
        {
            var processor = new DbPostProcessor(new DbPostProcessingOptions { Polygons = polygons, SimplifyRatio = ratio });
            Measure($"DB, {(polygons ? "polygons" : "quads")}, simplify ratio {ratio}",
                () => processor.Detect(map, Width, Height, Width, Height, 1, 1).Count);
        }
        var pan = new PanPostProcessor(new PanPostProcessingOptions { Polygons = true });
        float[] panMaps = PanPicture.Of(SlantedBarCorners(Width, Height, Regions), Width, Height);
        Measure("PAN", () => pan.Detect(panMaps, Width, Height, 1, 1).Count);
        var fce = new FcePostProcessor(new FcePostProcessingOptions { Polygons = true });
        foreach (var (name, pixels) in ((string, float[])[])[
            ("FCE", FcePicture.Of(SlantedBarCorners(Width, Height, Regions), Width, Height)),
            ("FCE, all text", FcePicture.Flooded(Width, Height, 0.05f)),
            ("FCE, all text, wild outlines", FcePicture.Flooded(Width, Height, 1))])
        {
            Measure(name, () => fce.Detect(pixels, Width, Height, 1, 1).Count);
        }
        BenchOutput.WriteJson(json, new { device = "cpu", rows });
        return 0;

        void Measure(string name, Func<int> run)
        {
            int regions = 0;
            var times = new List<double>();
            for (int i = 0; i < 60; i++)
            {
                long start = Stopwatch.GetTimestamp();
                regions = run();
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
            // The first third warms up.
            double median = BenchOutput.Median(times[20..]);
            Console.WriteLine($"{name,-32} {regions,4} regions {median,8:F2} ms");
            rows.Add(new { name, regions, milliseconds = median });
        }
    }
}
