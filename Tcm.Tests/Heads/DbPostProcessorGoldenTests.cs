using System.Numerics;
using System.Text.Json;
using Tcm.Detect.Geometry;
using Tcm.Detect.Heads.Db;
using Tcm.Tests.Geometry;
using Tcm.Tests.Support;

namespace Tcm.Tests.Heads;

/// <summary>The reference's own trace of six settings on one map (golden/README.md section 2).</summary>
public class DbPostProcessorGoldenTests
{
    private static JsonElement Golden() =>
        JsonDocument.Parse(File.ReadAllBytes(SharedData.Golden("post-db.json"))).RootElement;

    private static float[] Map() => Npz.Read(SharedData.Golden("post-db-map.npz"))["prob"].Floats;

    private static JsonElement Case(string name) =>
        Golden().GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);

    internal static DbPostProcessingOptions Options(JsonElement p) => new()
    {
        BinaryThreshold = (float)p.GetProperty("mask_thr").GetDouble(),
        BoxThreshold = (float)p.GetProperty("min_text_score").GetDouble(),
        MinSide = (float)p.GetProperty("min_text_width").GetDouble(),
        UnclipRatio = (float)p.GetProperty("unclip_ratio").GetDouble(),
        MaxCandidates = p.TryGetProperty("max_candidates", out var cap) ? cap.GetInt32() : 3000,
        Simplify = p.GetProperty("use_approxPolyDP").GetBoolean(),
        SimplifyRatio = (float)p.GetProperty("arcLength_ratio").GetDouble(),
        Polygons = p.GetProperty("text_repr_type").GetString() == "poly",
        FilterSmallPolygons = p.TryGetProperty("filter_min_text_poly", out var filter) && filter.GetBoolean(),
    };

    private static PixelPoint[] Points(JsonElement flat)
    {
        int[] values = [.. flat.EnumerateArray().Select(v => v.GetInt32())];
        return [.. Enumerable.Range(0, values.Length / 2).Select(i => new PixelPoint(values[2 * i], values[2 * i + 1]))];
    }

    private static double[] Doubles(JsonElement flat) => [.. flat.EnumerateArray().Select(v => v.GetDouble())];

    public static TheoryData<string> Cases => ["quad_pretrain", "quad_td500", "quad_ic15", "poly_totaltext", "poly_ctw", "poly_filter_cap"];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_contour_takes_the_path_of_the_reference(string name)
    {
        var golden = Case(name);
        var options = Options(golden.GetProperty("params"));
        var trace = new DbPostProcessor(options).Trace(Map(), 240, 160);
        Assert.Equal(golden.GetProperty("n_contours").GetInt32(), trace.Count);
        int i = 0;
        foreach (var expected in golden.GetProperty("trace").EnumerateArray())
        {
            var actual = trace[i++];
            Assert.Equal(Points(expected.GetProperty("contour")), actual.Contour);
            string? drop = expected.TryGetProperty("drop", out var d) ? d.GetString() : null;
            if (drop == "candidate cap")
            {
                Assert.Equal(DbDrop.CandidateCap, actual.Drop);
                continue;
            }
            Assert.Equal(Points(expected.GetProperty("approx")), actual.Approximation);
            if (options.Simplify)
            {
                Assert.Equal(expected.GetProperty("arc_length").GetDouble(), actual.ArcLength, 1e-4);
            }
            if (drop == "fewer than 4 points")
            {
                Assert.Equal(DbDrop.TooFewPoints, actual.Drop);
                continue;
            }
            Assert.Equal(expected.GetProperty("score").GetDouble(), actual.Score, 1e-6);
            if (drop == "score")
            {
                Assert.Equal(DbDrop.Score, actual.Drop);
                continue;
            }
            Assert.Equal(expected.GetProperty("area").GetDouble(), actual.Area);
            Assert.Equal(expected.GetProperty("perimeter").GetDouble(), actual.Perimeter, 1e-9);
            var ring = Points(expected.GetProperty("rings").EnumerateArray().Single());
            Assert.True(Flat.SameCycle(ring, Assert.Single(actual.Rings)), $"ring of contour {i - 1}");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Boundaries_are_those_of_the_reference(string name)
    {
        var golden = Case(name);
        var options = Options(golden.GetProperty("params"));
        var kept = new DbPostProcessor(options).Trace(Map(), 240, 160).Where(c => c.Drop == DbDrop.None).ToList();
        var boundaries = golden.GetProperty("boundaries").EnumerateArray().Select(Doubles).ToList();
        Assert.Equal(boundaries.Count, kept.Count);
        for (int i = 0; i < kept.Count; i++)
        {
            Assert.Equal(boundaries[i][^1], kept[i].Score, 1e-6);
            Compare(boundaries[i], kept[i].Boundary);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Regions_are_in_source_pixels(string name)
    {
        var golden = Case(name);
        var options = Options(golden.GetProperty("params"));
        var regions = new DbPostProcessor(options).Detect(Map(), 240, 160, 240, 160, 1.25, 0.75);
        var boundaries = golden.GetProperty("boundaries_rescaled").EnumerateArray().Select(Doubles).ToList();
        Assert.Equal(boundaries.Count, regions.Count);
        for (int i = 0; i < regions.Count; i++)
        {
            Assert.Equal(boundaries[i][^1], regions[i].Score, 1e-6);
            Compare(boundaries[i], [.. regions[i].Polygon]);
            Assert.True(PolygonMeasures.SignedArea([.. regions[i].Polygon]) > 0);
            Assert.True(PolygonMeasures.SignedArea([.. regions[i].Quad]) > 0);
            Assert.Equal(4, regions[i].Quad.Count);
        }
    }

    // The same corners within a thousandth of a pixel; where the list starts and which way it goes is OpenCV's affair.
    private static void Compare(double[] expected, Vector2[] actual)
    {
        Vector2[] points = [.. Enumerable.Range(0, expected.Length / 2)
            .Select(k => new Vector2((float)expected[2 * k], (float)expected[2 * k + 1]))];
        Assert.Equal(points.Length, actual.Length);
        double there = points.Max(p => actual.Min(q => Vector2.Distance(p, q)));
        double back = actual.Max(q => points.Min(p => Vector2.Distance(p, q)));
        Assert.True(there <= 1e-3 && back <= 1e-3, $"corners {there:f4} and {back:f4} apart");
    }
}
