using System.Numerics;
using Tcm.Detect;
using Tcm.Detect.Geometry;
using Tcm.Detect.Heads.Db;
using Tcm.Kernels;
using Tcm.Tests.Geometry;

namespace Tcm.Tests.Heads;

public class DbPostProcessorTests
{
    private static readonly DbPostProcessingOptions Quads = new()
    {
        BinaryThreshold = 0.3f,
        BoxThreshold = 0.3f,
        MinSide = 5,
        UnclipRatio = 1.5f,
        SimplifyRatio = 0.01f,
    };

    private static float[] Block(int width, int height, int x0, int y0, int x1, int y1, float value = 0.9f)
    {
        var map = new float[width * height];
        for (int y = y0; y <= y1; y++)
        {
            map.AsSpan(y * width + x0, x1 - x0 + 1).Fill(value);
        }
        return map;
    }

    [Fact]
    public void Block_of_the_specification_grows_as_stated()
    {
        var map = Block(160, 120, 32, 42, 108, 58);
        var trace = Assert.Single(new DbPostProcessor(Quads).Trace(map, 160, 120));
        Assert.Equal(Flat.Points(32, 42, 32, 58, 108, 58, 108, 42), trace.Contour);
        Assert.Equal((1216.0, 184.0), (trace.Area, trace.Perimeter));
        Assert.Equal(0.9, trace.Score, 1e-6);
        Assert.True(Flat.SameCycle(Flat.Points(112, 33, 116, 36, 118, 42, 118, 58, 117, 62, 114, 66, 108, 68, 32, 68, 28, 67,
            24, 64, 22, 58, 22, 42, 23, 38, 26, 34, 32, 32, 108, 32), Assert.Single(trace.Rings)));
        var region = Assert.Single(new DbPostProcessor(Quads).Detect(map, 160, 120, 160, 120, 2, 0.5));
        Vector2[] expected = [new(11, 64), new(59, 64), new(59, 136), new(11, 136)];
        Assert.All(region.Quad.Zip(expected), v => Assert.True(Vector2.Distance(v.First, v.Second) < 1e-3f));
        Assert.Equal(region.Quad, region.Polygon);
        Assert.Equal(0.9f, region.Score, 1e-6f);
    }

    [Fact]
    public void Hole_has_the_octagon_of_the_specification_and_comes_first()
    {
        var map = Block(60, 60, 20, 20, 31, 31);
        for (int y = 24; y <= 27; y++)
        {
            map.AsSpan(y * 60 + 24, 4).Clear();
        }
        var trace = new DbPostProcessor(Quads).Trace(map, 60, 60);
        Assert.Equal(2, trace.Count);
        Assert.Equal(Flat.Points(23, 24, 24, 23, 27, 23, 28, 24, 28, 27, 27, 28, 24, 28, 23, 27), trace[0].Contour);
    }

    [Fact]
    public void Empty_full_and_meaningless_maps_do_no_harm()
    {
        var processor = new DbPostProcessor(Quads);
        Assert.Empty(processor.Detect(new float[96 * 64], 96, 64, 96, 64, 1, 1));
        var full = new float[96 * 64];
        full.AsSpan().Fill(1);
        var region = Assert.Single(processor.Detect(full, 96, 64, 96, 64, 1, 1));
        Assert.Equal(1, region.Score, 1e-6f);
        full.AsSpan().Fill(float.NaN);
        Assert.Empty(processor.Detect(full, 96, 64, 96, 64, 1, 1));
        full.AsSpan().Fill(float.PositiveInfinity);
        Assert.Empty(processor.Detect(full, 96, 64, 96, 64, 1, 1));
        Assert.Empty(processor.Detect(Block(1, 500, 0, 3, 0, 400), 1, 500, 1, 500, 1, 1));
        Assert.Empty(processor.Detect(Block(500, 1, 3, 0, 400, 0), 500, 1, 500, 1, 1, 1));
        Assert.Empty(processor.Detect(Block(64, 64, 5, 5, 5, 5), 64, 64, 64, 64, 1, 1));
    }

    [Fact]
    public void Values_that_are_no_numbers_count_as_no_text()
    {
        var map = Block(160, 120, 32, 42, 108, 58);
        map[50 * 160 + 70] = float.NaN;
        map[51 * 160 + 75] = float.PositiveInfinity;
        var regions = new DbPostProcessor(Quads).Detect(map, 160, 120, 160, 120, 1, 1);
        Assert.Contains(regions, r => float.IsFinite(r.Score) && Math.Abs(r.Score - 0.9f) < 0.01f);
    }

    [Fact]
    public void Padding_can_be_left_out()
    {
        var map = Block(160, 120, 100, 42, 150, 58);
        var all = Assert.Single(new DbPostProcessor(Quads).Detect(map, 160, 120, 160, 120, 1, 1));
        var valid = Assert.Single(new DbPostProcessor(Quads).Detect(map, 160, 120, 130, 120, 1, 1));
        Assert.True(all.Quad.Max(p => p.X) > valid.Quad.Max(p => p.X) + 10);
        Assert.Empty(new DbPostProcessor(Quads).Detect(map, 160, 120, 90, 120, 1, 1));
    }

    [Fact]
    public void Sizes_and_settings_are_checked()
    {
        var processor = new DbPostProcessor(Quads);
        Assert.Throws<ShapeException>(() => processor.Detect(new float[10], 4, 3, 4, 3, 1, 1));
        Assert.Throws<ShapeException>(() => processor.Detect(new float[12], 4, 3, 5, 3, 1, 1));
        Assert.Throws<TcmException>(() => processor.Detect(new float[12], 4, 3, 4, 3, 0, 1));
        Assert.Throws<OptionException>(() => new DbPostProcessor(Quads with { UnclipRatio = float.NaN }));
        Assert.Throws<OptionException>(() => new DbPostProcessor(Quads with { MaxCandidates = -1 }));
    }

    [Fact]
    public void Only_the_lowest_candidates_are_looked_at()
    {
        var map = new float[200 * 400];
        for (int i = 0; i < 10; i++)
        {
            Block(200, 400, 20, 20 + 38 * i, 100, 35 + 38 * i).AsSpan((20 + 38 * i) * 200, 16 * 200).CopyTo(map.AsSpan((20 + 38 * i) * 200));
        }
        var regions = new DbPostProcessor(Quads with { MaxCandidates = 3 }).Detect(map, 200, 400, 200, 400, 1, 1);
        Assert.Equal(4, regions.Count);
        Assert.All(regions, r => Assert.True(r.Quad.Min(p => p.Y) > 230));
        Assert.Equal(10, new DbPostProcessor(Quads).Detect(map, 200, 400, 200, 400, 1, 1).Count);
    }

    [Fact]
    public void Ring_shaped_text_has_two_outlines_and_is_dropped()
    {
        var map = Block(400, 400, 50, 50, 350, 350);
        for (int y = 60; y <= 340; y++)
        {
            map.AsSpan(y * 400 + 60, 281).Clear();
        }
        // A gap makes it one contour; growing closes the gap around a hole.
        for (int y = 195; y <= 197; y++)
        {
            map.AsSpan(y * 400 + 50, 20).Clear();
        }
        var trace = Assert.Single(new DbPostProcessor(Quads with { SimplifyRatio = 0.001f }).Trace(map, 400, 400));
        Assert.Equal(DbDrop.Rings, trace.Drop);
        Assert.Equal(2, trace.Rings.Length);
        Assert.Empty(new DbPostProcessor(Quads with { SimplifyRatio = 0.001f }).Detect(map, 400, 400, 400, 400, 1, 1));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Concurrent_calls_agree_with_single_ones(bool polygons)
    {
        var map = Bench.PostprocessBenchmark.SlantedBars(640, 480, 60);
        var processor = new DbPostProcessor(Quads with { Polygons = polygons, SimplifyRatio = 0.001f });
        var trace = processor.Trace(map, 640, 480).Where(c => c.Drop == DbDrop.None).ToList();
        var results = new IReadOnlyList<Detect.TextRegion>[8];
        Parallel.For(0, 8, i => results[i] = processor.Detect(map, 640, 480, 640, 480, 1, 1));
        foreach (var regions in results)
        {
            Assert.Equal(trace.Count, regions.Count);
            for (int i = 0; i < regions.Count; i++)
            {
                Assert.Equal((float)trace[i].Score, regions[i].Score);
                Assert.Equal(trace[i].Boundary.Length, regions[i].Polygon.Count);
                Assert.All(regions[i].Polygon, p => Assert.Contains(p, trace[i].Boundary));
                Assert.True(PolygonMeasures.SignedArea([.. regions[i].Polygon]) > 0);
            }
        }
    }

    [Theory]
    [InlineData(false, 0.01f)]
    [InlineData(false, 0.001f)]
    [InlineData(true, 0.004f)]
    [InlineData(true, 0.0001f)]
    public void Two_hundred_regions_are_found_in_every_mode(bool polygons, float ratio)
    {
        var map = Bench.PostprocessBenchmark.SlantedBars(1280, 736, 200);
        var processor = new DbPostProcessor(Quads with { Polygons = polygons, SimplifyRatio = ratio });
        Assert.InRange(processor.Detect(map, 1280, 736, 1280, 736, 1, 1).Count, 100, 220);
    }

    [Fact]
    public void A_million_specks_are_no_regions()
    {
        const int side = 2048;
        var map = new float[side * side];
        for (int y = 0; y < side; y += 2)
        {
            for (int x = 0; x < side; x += 2)
            {
                map[y * side + x] = 1;
            }
        }
        var processor = new DbPostProcessor(Quads);
        Assert.Empty(processor.Detect(map, side, side, side, side, 1, 1));
    }

    [Fact]
    public void Noise_comes_to_an_end()
    {
        var random = new Random(7);
        var map = new float[1280 * 736];
        for (int i = 0; i < map.Length; i++)
        {
            map[i] = random.NextSingle();
        }
        foreach (float threshold in new[] { 0.3f, 0.5f, 0.6f })
        {
            var processor = new DbPostProcessor(Quads with { BinaryThreshold = threshold, SimplifyRatio = 0.0001f });
            Assert.All(processor.Detect(map, 1280, 736, 1280, 736, 1, 1), r => Assert.InRange(r.Score, 0.2f, 1f));
        }
    }

    [Fact]
    public void Huge_region_with_a_jagged_border_is_one_region()
    {
        var random = new Random(7);
        var map = Block(1280, 736, 200, 200, 1080, 536, 1);
        for (int x = 200; x <= 1080; x++)
        {
            for (int y = 200 - random.Next(12); y < 200; y++)
            {
                map[y * 1280 + x] = 1;
            }
            for (int y = 536 + random.Next(12); y > 536; y--)
            {
                map[y * 1280 + x] = 1;
            }
        }
        var processor = new DbPostProcessor(Quads with { Polygons = true, SimplifyRatio = 0.0001f });
        Assert.Single(processor.Detect(map, 1280, 736, 1280, 736, 1, 1));
    }
}
