using System.Numerics;
using System.Text.Json;
using Tcm.Detect.Datasets;
using Tcm.Detect.Evaluation;
using Tcm.Tests.Support;

namespace Tcm.Tests.Evaluation;

/// <summary>The evaluator against the reference evaluator's results, the official ICDAR2015 one's, and the spec's example.</summary>
public sealed class HmeanIouTests
{
    [Fact]
    public void Worked_example_of_the_protocol()
    {
        var image = new AnnotatedImage("a", null,
            [Text(false, 0, 0, 100, 20), Text(false, 0, 40, 100, 60), Text(true, 200, 0, 300, 20)]);
        var result = HmeanIou.BestOverThresholds([image], [[Box(0, 0, 60, 20), Box(0, 0, 100, 20), Box(0, 40, 50, 60),
            Box(210, 0, 260, 20), Box(280, 0, 340, 20)]]);
        Assert.Equal((1, 2, 4), (result.Matched, result.CareGroundTruths, result.CareDetections));
        Assert.Equal(1 / 3.0, result.Hmean, 12);
        Assert.Equal([Verdict.Hit, Verdict.FalsePositive, Verdict.FalsePositive, Verdict.Ignored, Verdict.FalsePositive],
            result.Images[0].Detections.Select(d => d.Verdict));
        Assert.Single(result.Images[0].Missed);
    }

    [Theory]
    [InlineData(0, 3, 1, 0, 0)]
    [InlineData(0, 0, 1, 1, 1)]
    [InlineData(5, 0, 0, 0, 0)]
    public void Without_text_or_detections(int texts, int detections, double recall, double precision, double hmean)
    {
        var image = new AnnotatedImage("a", null, [.. Enumerable.Range(0, texts).Select(i => Text(false, 0, 30 * i, 50, (30 * i) + 20))]);
        var result = HmeanIou.BestOverThresholds([image],
            [[.. Enumerable.Range(0, detections).Select(i => Box(500, 30 * i, 550, (30 * i) + 20))]]);
        Assert.Equal((recall, precision, hmean), (result.Recall, result.Precision, result.Hmean));
    }

    [Fact]
    public void Scores_at_the_lower_bound_are_discarded()
    {
        var image = new AnnotatedImage("a", null, [Text(false, 0, 0, 50, 20)]);
        Assert.Equal(0, HmeanIou.BestOverThresholds([image], [[Box(0, 0, 50, 20) with { Score = 0.3 }]]).CareDetections);
        Assert.Equal(1, HmeanIou.BestOverThresholds([image], [[Box(0, 0, 50, 20) with { Score = 0.31 }]]).Matched);
    }

    [Fact]
    public void Reference_results_are_reproduced()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(SharedData.Golden("eval-hmean.json")));
        int valid = 0, invalid = 0, agreeing = 0;
        foreach (var expected in json.RootElement.GetProperty("cases").EnumerateArray())
        {
            string? difference = Compare(expected);
            // How a zero-width buffer repairs a polygon is the library's own affair.
            if (expected.GetProperty("has_invalid_polygon").GetBoolean())
            {
                invalid++;
                agreeing += difference is null ? 1 : 0;
                continue;
            }
            valid++;
            Assert.True(difference is null, $"case {expected.GetProperty("id")}: {difference}");
        }
        Assert.Equal((41, 19), (valid, invalid));
        Assert.True(agreeing >= 15, $"{agreeing} of the 19 cases with invalid polygons agree");
    }

    [Fact]
    public void Official_icdar2015_figures_of_a_submission()
    {
        var images = DatasetReader.Read("icdar2015", SharedData.Data("hmean/ic15_gt.zip"));
        var detections = PredictionReader.Read(SharedData.Data("hmean/ic15_submit_EAST_PADDLE.zip"), images);
        var result = HmeanIou.OfFixedSet(images, detections);
        Assert.Equal(500, images.Count);
        Assert.Equal((1558, 2077, 1849), (result.Matched, result.CareGroundTruths, result.CareDetections));
        Assert.Equal(0.8426176311519741, result.Precision, 1e-9);
        Assert.Equal(0.7501203659123736, result.Recall, 1e-9);
        Assert.Equal(0.793683138053999, result.Hmean, 1e-9);
        Assert.Null(result.Threshold);
    }

    private static string? Compare(JsonElement expected)
    {
        var images = new List<AnnotatedImage>();
        var detections = new List<IReadOnlyList<Detection>>();
        foreach (var image in expected.GetProperty("images").EnumerateArray())
        {
            images.Add(new AnnotatedImage($"{images.Count}", null,
                [.. image.GetProperty("care").EnumerateArray().Select(p => new TextAnnotation(Corners(p), false)),
                .. image.GetProperty("ignored").EnumerateArray().Select(p => new TextAnnotation(Corners(p), true))]));
            detections.Add([.. image.GetProperty("pred").EnumerateArray()
                .Select(p => new Detection(Corners(p), p[p.GetArrayLength() - 1].GetDouble()))]);
        }
        var pictures = HmeanIou.Prepare(images, detections, d => d.Score > 0.3);
        foreach (var row in expected.GetProperty("per_threshold").EnumerateArray())
        {
            var result = HmeanIou.At(row.GetProperty("iter").GetInt32() * 0.1, pictures);
            var (texts, found, matched) = (row.GetProperty("num_gts").GetInt32(), row.GetProperty("num_dets").GetInt32(),
                row.GetProperty("num_match").GetInt32());
            if ((result.CareGroundTruths, result.CareDetections, result.Matched) != (texts, found, matched))
            {
                return $"at {result.Threshold}: {result.CareGroundTruths} texts, {result.CareDetections} detections, "
                    + $"{result.Matched} matched, expected {texts}, {found}, {matched}";
            }
        }
        var best = HmeanIou.BestOverThresholds(images, detections);
        var numbers = expected.GetProperty("best");
        double error = Math.Max(Math.Abs(best.Hmean - numbers.GetProperty("hmean").GetDouble()), Math.Max(
            Math.Abs(best.Recall - numbers.GetProperty("recall").GetDouble()),
            Math.Abs(best.Precision - numbers.GetProperty("precision").GetDouble())));
        return error > 1e-12 ? $"ratios differ by {error}" : CompareOverlaps(expected.GetProperty("iou"), pictures);
    }

    /// <summary>Rows of the reference are care texts, then ignored ones; only the first kind decides matches.</summary>
    private static string? CompareOverlaps(JsonElement expected, IReadOnlyList<HmeanIou.Picture> pictures)
    {
        for (int i = 0; i < pictures.Count; i++)
        {
            for (int t = 0; t < pictures[i].Overlaps.Length; t++)
            {
                for (int d = 0; d < pictures[i].Overlaps[t].Length; d++)
                {
                    double value = expected[i][t][d].GetDouble();
                    if (Math.Abs(value - pictures[i].Overlaps[t][d]) > 1e-9)
                    {
                        return $"overlap of text {t} and detection {d} of image {i}: {pictures[i].Overlaps[t][d]}, expected {value}";
                    }
                }
            }
        }
        return null;
    }

    private static Vector2[] Corners(JsonElement flat)
    {
        float[] v = [.. flat.EnumerateArray().Select(e => e.GetSingle())];
        return [.. Enumerable.Range(0, v.Length / 2).Select(i => new Vector2(v[2 * i], v[(2 * i) + 1]))];
    }

    private static Vector2[] Rectangle(float x0, float y0, float x1, float y1) => [new(x0, y0), new(x1, y0), new(x1, y1), new(x0, y1)];

    private static TextAnnotation Text(bool ignored, float x0, float y0, float x1, float y1) => new(Rectangle(x0, y0, x1, y1), ignored);

    private static Detection Box(float x0, float y0, float x1, float y1) => new(Rectangle(x0, y0, x1, y1), 0.9);
}
