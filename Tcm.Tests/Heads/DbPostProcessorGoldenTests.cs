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

    private static DbPostProcessingOptions Options(JsonElement p) => new()
    {
        BinaryThreshold = (float)p.GetProperty("mask_thr").GetDouble(),
        BoxThreshold = (float)p.GetProperty("min_text_score").GetDouble(),
        MinSide = (float)p.GetProperty("min_text_width").GetDouble(),
        UnclipRatio = (float)p.GetProperty("unclip_ratio").GetDouble(),
        MaxCandidates = p.GetProperty("max_candidates").GetInt32(),
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
            RingsAgree(ring, Assert.Single(actual.Rings), name, i - 1);
        }
    }

    // Clipper rounds inside its sweep, which shifts some crossings of a jagged outline by a pixel; see PositiveWinding.
    private static void RingsAgree(PixelPoint[] expected, PixelPoint[] actual, string name, int index)
    {
        if (Flat.SameCycle(expected, actual))
        {
            return;
        }
        double iou = Iou(expected, actual);
        double there = Farthest(Floats(expected), Floats(actual)), back = Farthest(Floats(actual), Floats(expected));
        string report = $"{name} {index}: IoU {iou:f4}, outlines {there:f2} and {back:f2} apart";
        TestContext.Current.TestOutputHelper?.WriteLine(report);
        Assert.True(iou > 0.99 && there <= 1 + 1e-5 && back <= 1 + 1e-5, report);
    }

    private static Vector2[] Floats(PixelPoint[] points) => [.. points.Select(p => new Vector2(p.X, p.Y))];

    private static double Iou(PixelPoint[] a, PixelPoint[] b)
    {
        const int w = 400, h = 300;
        byte[] p = new byte[w * h], q = new byte[w * h];
        new PolygonFill().Fill<byte>(a, p, w, h, 1, -50, -50);
        new PolygonFill().Fill<byte>(b, q, w, h, 1, -50, -50);
        return p.Zip(q).Count(v => v is (1, 1)) / (double)p.Zip(q).Count(v => v is not (0, 0));
    }

    // Largest distance of a vertex of one outline from the other outline.
    private static double Farthest(Vector2[] from, Vector2[] to) => from.Max(c => Enumerable.Range(0, to.Length).Min(i =>
    {
        Vector2 a = to[i], b = to[(i + 1) % to.Length];
        float t = Math.Clamp(Vector2.Dot(c - a, b - a) / (b - a).LengthSquared(), 0, 1);
        return Vector2.Distance(c, a + t * (b - a));
    }));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Boundaries_are_those_of_the_reference(string name)
    {
        var golden = Case(name);
        var options = Options(golden.GetProperty("params"));
        var kept = new DbPostProcessor(options).Trace(Map(), 240, 160).Where(c => c.Drop == DbDrop.None).ToList();
        var boundaries = golden.GetProperty("boundaries").EnumerateArray().Select(Doubles).ToList();
        Assert.Equal(boundaries.Count, kept.Count);
        var exact = ExactRings(golden, kept);
        for (int i = 0; i < kept.Count; i++)
        {
            Assert.Equal(boundaries[i][^1], kept[i].Score, 1e-6);
            Compare(boundaries[i], kept[i].Boundary, options.Polygons, exact[i], 1);
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
        var kept = new DbPostProcessor(options).Trace(Map(), 240, 160).Where(c => c.Drop == DbDrop.None).ToList();
        var exact = ExactRings(golden, kept);
        for (int i = 0; i < regions.Count; i++)
        {
            Assert.Equal(boundaries[i][^1], regions[i].Score, 1e-6);
            Compare(boundaries[i], [.. regions[i].Polygon], options.Polygons, exact[i], 0.75);
            Assert.True(PolygonMeasures.SignedArea([.. regions[i].Polygon]) > 0);
            Assert.True(PolygonMeasures.SignedArea([.. regions[i].Quad]) > 0);
            Assert.Equal(4, regions[i].Quad.Count);
        }
    }

    // Whether the grown outline of each result is that of the reference to the last vertex.
    private static List<bool> ExactRings(JsonElement golden, List<DbCandidate> kept)
    {
        var rings = golden.GetProperty("trace").EnumerateArray().Where(t => t.TryGetProperty("rings", out _))
            .ToDictionary(t => string.Join(' ', Points(t.GetProperty("contour"))), t => Points(t.GetProperty("rings")[0]));
        return [.. kept.Select(c => Flat.SameCycle(rings[string.Join(' ', c.Contour)], c.Rings[0]))];
    }

    private static void Compare(double[] expected, Vector2[] actual, bool polygon, bool exact, double scale)
    {
        Vector2[] points = [.. Enumerable.Range(0, expected.Length / 2)
            .Select(k => new Vector2((float)expected[2 * k], (float)expected[2 * k + 1]))];
        double corners = points.Max(p => actual.Min(q => Vector2.Distance(p, q)));
        double outlines = Math.Max(Farthest(points, actual), Farthest(actual, points));
        string report = $"exact ring: {exact}, corners {corners:f4} apart, outlines {outlines:f4}";
        TestContext.Current.TestOutputHelper?.WriteLine(report);
        if (exact)
        {
            Assert.True(corners <= 1e-3 / scale, report);
        }
        // The least rectangle may turn a little when one vertex of the outline moves by a pixel.
        Assert.True(outlines <= (polygon ? 1.001 : 2) / scale, report);
        Assert.Equal(points.Length == 4 && !polygon ? 4 : actual.Length, actual.Length);
    }
}
