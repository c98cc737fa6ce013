using System.Numerics;
using System.Runtime.InteropServices;
using Tcm.Detect;
using Tcm.Detect.Heads.Db;
using Tcm.Kernels;
using Tcm.Kernels.Components;
using Tcm.Kernels.Cpu;

namespace Tcm.Tests.Gpu;

/// <summary>Components on the device: labels of the host's loops, and regions of whole maps.</summary>
[Collection(SimulatorCollection.Name)]
public sealed class ConnectedComponentTests
{
    private const float Threshold = 0.28f;

    [Fact]
    public void The_hosts_labels_are_those_of_a_flood_fill()
    {
        foreach (var (h, w, map) in Maps())
        {
            Assert.Equal(Flood(h, w, map), HostComponents.Labels(h, w, Threshold, map));
        }
    }

    [Theory]
    [InlineData("simulator")]
    [InlineData("cuda:0")]
    public void Labels_are_those_of_the_cpu(string device)
    {
        using var backend = GpuParityTests.Open(device);
        foreach (var (h, w, map) in Maps())
        {
            using var x = backend.Allocate(map.Length);
            using var y = backend.Allocate(map.Length);
            backend.Upload(map, x.All);
            backend.Components.Label(h, w, Threshold, x.All, y.All);
            var labels = new float[map.Length];
            backend.Download(y.All, labels);
            Assert.Equal(HostComponents.Labels(h, w, Threshold, map), MemoryMarshal.Cast<float, int>(labels).ToArray());
        }
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("simulator")]
    [InlineData("cuda:0")]
    public void Reports_have_every_component_and_its_values(string device)
    {
        using Backend backend = device == "cpu" ? new CpuBackend(1) : GpuParityTests.Open(device);
        foreach (var (h, w, map) in Maps())
        {
            var layout = new ComponentLayout(h, w);
            var report = new ComponentReport(layout, Report(backend, layout, map));
            int[] labels = Flood(h, w, map);
            var expected = labels.Index().Where(p => p.Item >= 0).GroupBy(p => p.Item, p => p.Index).Select(g => new ComponentBox(
                g.Min(i => i % w), g.Min(i => i / w), g.Max(i => i % w), g.Max(i => i / w), g.Count(), g.Average(i => map[i]))).ToList();
            Assert.Equal(expected.Count, report.Count);
            var mask = new sbyte[w];
            for (int y = 0; y < h; y++)
            {
                report.Row(y, mask);
                Assert.Equal(labels.AsSpan(y * w, w).ToArray().Select(l => (sbyte)(l >= 0 ? 1 : 0)), mask);
            }
            long values = expected.Sum(b => (b.MaxX - b.MinX + 1L) * (b.MaxY - b.MinY + 1));
            Assert.Equal(expected.Count <= layout.MaxComponents && values <= layout.MaxValues, report.IsComplete);
            if (!report.IsComplete)
            {
                continue;
            }
            var scattered = new float[map.Length];
            Array.Fill(scattered, float.NaN);
            report.Scatter(scattered);
            var boxes = new List<ComponentBox>();
            for (int i = 0; i < report.Count; i++)
            {
                boxes.Add(report[i]);
            }
            foreach (var box in expected)
            {
                var found = Assert.Single(boxes, b => b with { Mean = 0 } == box with { Mean = 0 });
                Assert.Equal(box.Mean, found.Mean, 1e-5f);
                for (int y = box.MinY; y <= box.MaxY; y++)
                {
                    Assert.Equal(map[(y * w + box.MinX)..(y * w + box.MaxX + 1)], scattered[(y * w + box.MinX)..(y * w + box.MaxX + 1)]);
                }
            }
        }
    }

    /// <summary>Text-like maps through post-processing: from the report to the bit what comes of the whole map.</summary>
    [Theory]
    [InlineData("cpu", 320, 256)]
    [InlineData("simulator", 96, 64)]
    [InlineData("cuda:0", 640, 640)]
    public void Regions_from_a_report_are_those_of_the_map(string device, int width, int height)
    {
        using Backend backend = device == "cpu" ? new CpuBackend(1) : GpuParityTests.Open(device);
        float[] map = TextMap(width, height);
        var layout = new ComponentLayout(height, width);
        float[] words = Report(backend, layout, map);
        Assert.True(new ComponentReport(layout, words).IsComplete);
        foreach (bool polygons in new[] { false, true })
        {
            var processor = new DbPostProcessor(new DbPostProcessingOptions { Polygons = polygons });
            var expected = processor.Detect(map, width, height, width, height, 1, 1);
            var actual = processor.Detect(new ComponentReport(layout, words), width, height, 1, 1);
            Assert.True(expected.Count >= 2, $"{expected.Count} regions");
            Assert.Equal(expected.Select(Bits), actual.Select(Bits));
        }
    }

    private static string Bits(TextRegion region) =>
        $"{BitConverter.SingleToInt32Bits(region.Score)} {string.Join(' ', region.Polygon)} {string.Join(' ', region.Quad)}";

    private static float[] Report(Backend backend, ComponentLayout layout, float[] map)
    {
        using var x = backend.Allocate(map.Length);
        using var y = backend.Allocate(layout.Length);
        backend.Upload(map, x.All);
        backend.Fill(y.All, 7);
        backend.Components.Report(layout, Threshold, x.All, y.All);
        using var copy = backend.BeginDownload(y.All);
        return copy.Wait().ToArray();
    }

    /// <summary>Noise of three densities, a comb whose teeth meet in the last row, a spiral, rings, and no foreground at all.</summary>
    private static IEnumerable<(int H, int W, float[] Map)> Maps()
    {
        var random = new Random(5);
        foreach (double share in new[] { 0.03, 0.35, 0.6 })
        {
            yield return (18, 37, [.. Enumerable.Range(0, 18 * 37).Select(_ => random.NextDouble() < share ? 0.3f + random.NextSingle() / 2 : 0.1f)]);
        }
        yield return Drawn(16, 33, (y, x) => y == 15 || x % 2 == 0);
        yield return Drawn(17, 17, (y, x) => Math.Min(Math.Min(y, x), Math.Min(16 - y, 16 - x)) % 2 == 0 && (x != 0 || y != 1));
        yield return Drawn(12, 70, (y, x) => y is > 2 and < 9 && x % 20 is > 3 and < 9);
        yield return Drawn(5, 40, (_, _) => false);
        yield return (1, 4, [float.NaN, 0.5f, float.PositiveInfinity, 0.28f]);
    }

    private static (int H, int W, float[] Map) Drawn(int h, int w, Func<int, int, bool> inside) =>
        (h, w, [.. Enumerable.Range(0, h * w).Select(i => inside(i / w, i % w) ? 0.5f + i % 7 / 20f : 0.01f)]);

    /// <summary>Slanted bars that fade at their borders, one with a hole, and a speck.</summary>
    private static float[] TextMap(int width, int height)
    {
        var map = new float[width * height];
        for (int i = 0; i < map.Length; i++)
        {
            int x = i % width, y = i / width;
            double value = 0.05;
            foreach (var (cx, cy, angle) in new[] { (0.3, 0.25, 0.1), (0.65, 0.75, -0.15) })
            {
                var at = Vector2.Transform(new((float)(x - cx * width), (float)(y - cy * height)), Matrix3x2.CreateRotation((float)angle));
                double edge = Math.Max(Math.Abs(at.X) / (0.18 * width), Math.Abs(at.Y) / (0.09 * height));
                value = Math.Max(value, edge < 0.2 && cx > 0.5 ? 0.1 : 1.2 - edge);
            }
            map[i] = (float)Math.Clamp(value * value, 0, 1);
        }
        map[width + 3] = 0.9f;
        return map;
    }

    private static int[] Flood(int h, int w, float[] map)
    {
        var labels = new int[h * w];
        Array.Fill(labels, -1);
        var waiting = new Stack<int>();
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] >= 0 || !IsForeground(i))
            {
                continue;
            }
            labels[i] = i;
            waiting.Push(i);
            while (waiting.TryPop(out int at))
            {
                for (int d = 0; d < 9; d++)
                {
                    int y = at / w + d / 3 - 1, x = at % w + d % 3 - 1;
                    if (y >= 0 && y < h && x >= 0 && x < w && labels[y * w + x] < 0 && IsForeground(y * w + x))
                    {
                        labels[y * w + x] = i;
                        waiting.Push(y * w + x);
                    }
                }
            }
        }
        return labels;

        bool IsForeground(int i) => float.IsFinite(map[i]) && map[i] > Threshold;
    }
}
