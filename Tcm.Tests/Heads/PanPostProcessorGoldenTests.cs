using System.Numerics;
using System.Text.Json;
using Tcm.Detect;
using Tcm.Detect.Geometry;
using Tcm.Detect.Heads.Pan;
using Tcm.Tests.Support;

namespace Tcm.Tests.Heads;

/// <summary>The reference's results on one set of maps under four settings (golden/README.md section 2).</summary>
public sealed class PanPostProcessorGoldenTests
{
    private const int Height = 80, Width = 120;

    private static JsonElement Case(int number) =>
        JsonDocument.Parse(File.ReadAllBytes(SharedData.Golden("post-pan.json"))).RootElement.GetProperty("cases")[number];

    private static Dictionary<string, NpyArray> Arrays() => Npz.Read(SharedData.Golden("post-pan-map.npz"));

    internal static PanPostProcessingOptions Options(JsonElement parameters)
    {
        double Value(string name, double otherwise) => parameters.TryGetProperty(name, out var v) ? v.GetDouble() : otherwise;

        var defaults = new PanPostProcessingOptions();
        float mean = (float)Value("min_text_avg_confidence", defaults.BoxThreshold);
        return defaults with
        {
            Polygons = parameters.GetProperty("text_repr_type").GetString() == "poly",
            TextThreshold = (float)Value("min_text_confidence", defaults.TextThreshold),
            KernelThreshold = (float)Value("min_kernel_confidence", defaults.KernelThreshold),
            // One number for two things in the reference.
            BoxThreshold = mean,
            Distance = mean,
            MinArea = (int)Value("min_text_area", defaults.MinArea),
        };
    }

    public static TheoryData<int> Cases => [0, 1, 2, 3];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Labels_and_confidences_are_those_of_the_reference(int number)
    {
        var golden = Case(number);
        var arrays = Arrays();
        var aggregation = new PixelAggregation();
        aggregation.Run(arrays["preds"].Floats, Width, Height, Options(golden.GetProperty("params")));
        int[] labels = [.. Enumerable.Range(0, Height).SelectMany(y => aggregation.Row(y).ToArray()).Select(l => Math.Max(l, 0))];
        Assert.Equal(Array.ConvertAll(arrays[$"labels_{golden.GetProperty("name").GetString()}"].As<short>().ToArray(), l => (int)l), labels);
        var expected = golden.GetProperty("confidence_and_count").EnumerateArray().Skip(1).ToArray();
        Assert.Equal(expected.Length, aggregation.Regions.Count);
        foreach (var (pair, region) in expected.Zip(aggregation.Regions))
        {
            Assert.Equal(pair[1].GetInt32(), region.Count);
            Assert.Equal(pair[0].GetDouble(), region.Score, 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Regions_are_those_of_the_reference_in_source_pixels(int number)
    {
        var golden = Case(number);
        var options = Options(golden.GetProperty("params"));
        var regions = new PanPostProcessor(options).Detect(Arrays()["preds"].Floats, Width * 4, Height * 4, 1.25, 0.75);
        AssertSame(golden.GetProperty("boundaries_rescaled"), regions, 1e-3, 1e-6);
        Assert.All(regions, r => Assert.Equal(!options.Polygons, ReferenceEquals(r.Polygon, r.Quad)));
    }

    /// <summary>The same points, from whichever one they start and in whichever direction they run.</summary>
    internal static void AssertSame(JsonElement boundaries, IReadOnlyList<TextRegion> regions, double pixels, double score)
    {
        double[][] expected = [.. boundaries.EnumerateArray().Select(b => b.EnumerateArray().Select(v => v.GetDouble()).ToArray())];
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Length, regions.Count);
        foreach (var (boundary, region) in expected.Zip(regions))
        {
            Assert.Equal(boundary[^1], region.Score, score);
            Assert.Equal((boundary.Length - 1) / 2, region.Polygon.Count);
            for (int k = 0; k + 1 < boundary.Length; k += 2)
            {
                var point = new Vector2((float)boundary[k], (float)boundary[k + 1]);
                Assert.True(region.Polygon.Min(p => Vector2.Distance(p, point)) <= pixels, $"{point} is no vertex");
            }
            Assert.True(PolygonMeasures.SignedArea([.. region.Polygon]) > 0);
        }
    }
}
