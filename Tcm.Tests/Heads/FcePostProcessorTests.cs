using System.Numerics;
using Tcm.Detect;
using Tcm.Detect.Geometry;
using Tcm.Detect.Heads;
using Tcm.Detect.Heads.Fce;
using Tcm.Kernels;

namespace Tcm.Tests.Heads;

/// <summary>FCENet's post-processing on made maps, and suppression of polygons as such.</summary>
public sealed class FcePostProcessorTests
{
    private const int Side = 128, Fine = 16 * 16;

    [Fact]
    public void Pixels_that_tell_one_circle_give_one_region()
    {
        float[] maps = Maps((5, 6), (6, 6), (7, 6), (6, 7));
        var found = Assert.Single(new FcePostProcessor(new FcePostProcessingOptions { Polygons = true }).Detect(maps, Side, Side, 0.5, 2));
        Assert.Equal(50, found.Polygon.Count);
        // A circle around (6,6) of radius 3, in pixels of stride 8; half and twice as large in the source.
        Assert.All(found.Polygon, p => Assert.Equal(24, Vector2.Distance(new(p.X * 0.5f, p.Y * 2), new(48, 48)), 1.5));
        Assert.InRange(found.Score, 0.99f, 1);
        Assert.Equal(4, found.Quad.Count);
    }

    [Fact]
    public void Hostile_values_are_no_text()
    {
        var processor = new FcePostProcessor(new FcePostProcessingOptions());
        float[] maps = Maps((5, 6));
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity, 1e30f })
        {
            float[] broken = [.. maps];
            broken[(((6 * 16) + 5) * FceLevel.Values) + 4 + FourierContour.Degree] = bad;
            Assert.Empty(processor.Detect(broken, Side, Side, 1, 1));
        }
        Assert.Empty(processor.Detect([.. maps.Select(_ => float.NaN)], Side, Side, 1, 1));
        Assert.Throws<ShapeException>(() => processor.Detect(maps, Side, Side + 32, 1, 1));
        Assert.Throws<TcmException>(() => processor.Detect(maps, Side, Side, 0, 1));
        Assert.Throws<OptionException>(() => new FcePostProcessor(new FcePostProcessingOptions { Points = 3 }));
    }

    [Fact]
    public void Settings_have_names()
    {
        PostProcessingOptions options = new FcePostProcessingOptions();
        var changed = (FcePostProcessingOptions)options.With(new Dictionary<string, double>
        {
            ["threshold"] = 0.5,
            ["region-power"] = 1,
            ["center-power"] = 2,
            ["overlap"] = 0.2,
            ["points"] = 20,
            ["polygons"] = 1,
        }, "fce");
        Assert.Equal(new FcePostProcessingOptions
        {
            Threshold = 0.5f,
            RegionPower = 1,
            CenterPower = 2,
            Overlap = 0.2,
            Points = 20,
            Polygons = true,
        }, changed);
        Assert.Contains("'unclip' is no setting", Assert.Throws<OptionException>(
            () => options.With(new Dictionary<string, double> { ["unclip"] = 1 }, "fce")).Message);
        var threshold = PostProcessingOptions.Known().Single(k => k.Setting.Name == "threshold");
        Assert.Contains(threshold.Heads, h => h.Head == "fce" && Math.Abs(h.Default - 0.3) < 1e-6);
    }

    [Fact]
    public void Suppression_keeps_the_best_of_those_that_overlap()
    {
        var random = new Random(2);
        for (int round = 0; round < 30; round++)
        {
            var all = Enumerable.Range(0, 40).Select(_ => Box(random.Next(60), random.Next(60), 5 + random.Next(30), 5 + random.Next(30),
                random.NextSingle())).ToList();
            var kept = PolygonNms.Suppress(all, 0.2);
            Assert.Equal(kept.OrderByDescending(p => p.Score), kept);
            foreach (var polygon in all)
            {
                bool isKept = kept.Contains(polygon);
                bool beaten = kept.Any(k => k != polygon && k.Score >= polygon.Score && k.IntersectionOverUnion(polygon) > 0.2);
                Assert.True(isKept != beaten);
            }
        }
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(1.0)]
    public void Suppression_takes_the_best_and_drops_what_overlaps_it_one_after_the_other(double overlap)
    {
        // Equal scores, polygons without area, some that cross themselves, one far away.
        var random = new Random(4);
        var all = Enumerable.Range(0, 1500).Select(i => i == 700 ? Box(-1_000_000, 2_000_000, 30, 30, 3)
            : i % 50 == 0 ? Box(random.Next(400), random.Next(400), 0, random.Next(9), random.Next(20))
            : new ScoredPolygon(Corners(random.Next(400), random.Next(400)), random.Next(20))).ToList();
        var left = all.OrderBy(p => p.Score).ToList();
        var expected = new List<ScoredPolygon>();
        while (left.Count > 0)
        {
            var best = left[^1];
            expected.Add(best);
            left.RemoveAt(left.Count - 1);
            left.RemoveAll(p => best.IntersectionOverUnion(p) > overlap);
        }
        Assert.InRange(expected.Count, 100, 1500);
        Assert.Equal(expected, PolygonNms.Suppress(all, overlap));
        Assert.Empty(PolygonNms.Suppress([], overlap));

        PixelPoint[] Corners(int x, int y) =>
            [.. Enumerable.Range(0, 5).Select(_ => new PixelPoint(x + random.Next(30), y + random.Next(30)))];
    }

    [Fact]
    public void Overlap_of_polygons_is_their_intersection_over_union()
    {
        Assert.Equal(1.0 / 3, Box(0, 0, 10, 10, 1).IntersectionOverUnion(Box(5, 0, 10, 10, 1)), 1e-12);
        Assert.Equal(0, Box(0, 0, 10, 10, 1).IntersectionOverUnion(Box(11, 0, 10, 10, 1)));
        // Two without area count as the same, one without and one with as different.
        Assert.Equal(1, Box(0, 0, 0, 0, 1).IntersectionOverUnion(Box(50, 0, 0, 0, 1)));
        Assert.Equal(0, Box(0, 0, 0, 0, 1).IntersectionOverUnion(Box(50, 0, 9, 9, 1)));
        Assert.Equal(0, Box(50, 0, 9, 9, 1).IntersectionOverUnion(Box(0, 0, 0, 0, 1)));
    }

    private static ScoredPolygon Box(int x, int y, int width, int height, float score) =>
        new([new(x, y), new(x + width, y), new(x + width, y + height), new(x, y + height)], score);

    /// <summary>No text but at these pixels of the finest level, which all tell a circle around (6,6).</summary>
    private static float[] Maps(params (int X, int Y)[] text)
    {
        var maps = new float[FceLevel.Positions(Side, Side) * FceLevel.Values];
        for (int i = 0; i < maps.Length; i += FceLevel.Values)
        {
            (maps[i], maps[i + 2]) = (10, 10);
        }
        Assert.True(text.All(p => (p.Y * 16) + p.X < Fine));
        foreach (var (x, y) in text)
        {
            var pixel = maps.AsSpan(((y * 16) + x) * FceLevel.Values, FceLevel.Values);
            (pixel[0], pixel[1], pixel[2], pixel[3]) = (0, 10, 0, 10);
            pixel[4 + FourierContour.Degree] = 6 - x;
            pixel[4 + FourierContour.Coefficients + FourierContour.Degree] = 6 - y;
            pixel[4 + FourierContour.Degree + 1] = 3;
        }
        return maps;
    }
}
