using System.Numerics;
using System.Text.Json;
using Tcm.Detect.Geometry;
using Tcm.Detect.Heads.Fce;
using Tcm.Tests.Parity;
using Tcm.Tests.Support;

namespace Tcm.Tests.Heads;

/// <summary>The reference's results on one set of maps under three settings (golden/README.md section 2).</summary>
public sealed class FcePostProcessorGoldenTests
{
    private const int Height = 160, Width = 288;

    private static JsonElement Golden() => JsonDocument.Parse(File.ReadAllBytes(SharedData.Golden("post-fce.json"))).RootElement;

    private static JsonElement Case(int number) => Golden().GetProperty("cases")[number];

    private static FcePostProcessingOptions Options(JsonElement golden)
    {
        var p = golden.GetProperty("params");
        return new FcePostProcessingOptions
        {
            Polygons = true,
            Threshold = p.GetProperty("score_thr").GetSingle(),
            RegionPower = p.GetProperty("alpha").GetSingle(),
            CenterPower = p.GetProperty("beta").GetSingle(),
            Overlap = p.GetProperty("nms_thr").GetDouble(),
            Points = golden.GetProperty("num_reconstr_points").GetInt32(),
        };
    }

    private static double[][] Doubles(JsonElement boundaries) =>
        [.. boundaries.EnumerateArray().Select(b => b.EnumerateArray().Select(v => v.GetDouble()).ToArray())];

    public static TheoryData<int> Cases => [0, 1, 2];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Contours_of_each_level_are_those_of_the_reference(int number)
    {
        var golden = Case(number);
        var maps = Npz.Read(SharedData.Golden("post-fce-map.npz"));
        var processor = new FcePostProcessor(Options(golden));
        for (int level = 0; level < 3; level++)
        {
            int stride = FceLevel.Strides[level];
            var found = processor.Level(FcePixels.Level(maps, level), Width / stride, Height / stride, stride);
            var expected = Doubles(golden.GetProperty("per_level")[level]);
            Assert.Equal(expected.Length, found.Count);
            foreach (var (boundary, polygon) in expected.Zip(found))
            {
                Assert.Equal(boundary[^1], polygon.Score, 1e-6);
                // Truncation: a coordinate next to a whole number may fall on either side.
                double[] actual = [.. polygon.Points.SelectMany(p => new double[] { p.X, p.Y })];
                Assert.Equal(boundary.Length - 1, actual.Length);
                Assert.All(boundary[..^1].Zip(actual), p => Assert.True(Math.Abs(p.First - p.Second) <= 1));
                Assert.True(boundary[..^1].Zip(actual).Count(p => p.First != p.Second) <= 2);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Regions_are_in_source_pixels(int number)
    {
        var golden = Case(number);
        var maps = FcePixels.Of(Npz.Read(SharedData.Golden("post-fce-map.npz")));
        var options = Options(golden);
        var regions = new FcePostProcessor(options).Detect(maps, Width, Height, 1.25, 0.75);
        var quads = new FcePostProcessor(options with { Polygons = false }).Detect(maps, Width, Height, 1.25, 0.75);
        var expected = Doubles(golden.GetProperty("boundaries_rescaled"));
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Length, regions.Count);
        Assert.Equal(expected.Length, quads.Count);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i][^1], regions[i].Score, 1e-6);
            Assert.Equal((expected[i].Length - 1) / 2, regions[i].Polygon.Count);
            for (int k = 0; k + 1 < expected[i].Length; k += 2)
            {
                var point = new Vector2((float)expected[i][k], (float)expected[i][k + 1]);
                Assert.True(regions[i].Polygon.Min(p => Vector2.Distance(p, point)) <= 1 / 0.75f + 1e-3);
            }
            Assert.True(PolygonMeasures.SignedArea([.. regions[i].Polygon]) > 0);
            Assert.Equal(4, quads[i].Polygon.Count);
            Assert.Equal(regions[i].Quad, quads[i].Polygon);
            Assert.True(PolygonMeasures.SignedArea([.. quads[i].Polygon]) > 0);
        }
    }
}
