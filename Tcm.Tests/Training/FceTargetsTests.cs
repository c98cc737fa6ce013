using System.Numerics;
using Tcm.Detect.Datasets;
using Tcm.Detect.Geometry;
using Tcm.Detect.Heads;
using Tcm.Detect.Heads.Fce;
using Tcm.Detect.Models;

namespace Tcm.Tests.Training;

/// <summary>Target maps of FCENet: the worked examples of heads.md section 4.4, sizes, ignored and outside texts.</summary>
public sealed class FceTargetsTests
{
    private static readonly Complex[] Rectangle = [new(10, 10), new(50, 10), new(50, 30), new(10, 30)];

    // Measured by running the reference (heads.md section 4.4).
    private static readonly Complex[] RectangleCoefficients =
    [
        new(.02633, -.66667), 0, new(-.0319, 1.34697), 0, new(-.03502, 4.43698), new(30, 20), new(-.13104, -16.60107), 0,
        new(.03241, 1.36824), 0, new(.00659, .16691),
    ];

    [Fact]
    public void Coefficients_of_a_rectangle_match_the_worked_example()
    {
        var coefficients = FourierContour.Analyze(Rectangle);
        for (int j = 0; j < FourierContour.Coefficients; j++)
        {
            // The example's mean of c_0 is rounded, and so are its zeros.
            Assert.True(Complex.Abs(coefficients[j] - RectangleCoefficients[j]) < (j % 2 == 0 ? 2e-5 : 0.05), $"c_{j - 5}: {coefficients[j]}");
        }
        float[] parts = [.. coefficients.Select(c => (float)c.Real), .. coefficients.Select(c => (float)c.Imaginary)];
        Assert.Equal([new(29, 10), new(32, 10), new(34, 10), new(36, 10), new(39, 9)],
            new FourierContour(50).Reconstruct(parts, 0, 0, 1)![..5]);
    }

    [Fact]
    public void Center_line_of_a_rectangle_matches_the_worked_example()
    {
        var maps = Level(480, 480, 0, AnySize, Scaled(Rectangle, 8, ignored: false));
        var center = Enumerable.Range(0, 3600).Where(p => maps[3600 + p] == 1).ToList();
        Assert.Equal(231, center.Count);
        Assert.Equal((13, 45, 16), (center.Min(p => p % 60), center.Max(p => p % 60), center.Min(p => p / 60)));
        for (int p = 0; p < 3600; p++)
        {
            bool inside = p % 60 is >= 10 and <= 50 && p / 60 is >= 10 and <= 30;
            Assert.Equal(inside ? 1 : 0, maps[p]);
            Assert.Equal(1, maps[7200 + p]);
            Assert.Equal(inside, maps[((3 + FourierContour.Degree + 1 + FourierContour.Coefficients) * 3600) + p] != 0);
        }
    }

    /// <summary>The contour of every pixel of a text is the same: that of its outline.</summary>
    [Fact]
    public void Every_pixel_tells_the_same_contour()
    {
        var maps = Level(480, 480, 0, AnySize, Scaled(Rectangle, 8, ignored: false));
        var contour = new FourierContour(50);
        PixelPoint[]? first = null;
        for (int p = 0; p < 3600; p++)
        {
            if (maps[p] == 0)
            {
                continue;
            }
            float[] parts = [.. Enumerable.Range(3, FourierContour.Parts).Select(c => maps[(c * 3600) + p])];
            var points = contour.Reconstruct(parts, p % 60, p / 60, 8)!;
            first ??= points;
            Assert.All(points.Zip(first), q => Assert.True(Math.Abs(q.First.X - q.Second.X) <= 1 && Math.Abs(q.First.Y - q.Second.Y) <= 1));
            Assert.All(points, q => Assert.True(q.X is > 55 and < 425 && q.Y is > 55 and < 265));
        }
    }

    [Theory]
    [InlineData(100, true, false, false)]
    [InlineData(350, true, true, false)]
    [InlineData(550, false, true, false)]
    [InlineData(650, false, true, true)]
    [InlineData(750, false, false, true)]
    public void Sizes_go_to_their_levels(int width, bool fine, bool middle, bool coarse)
    {
        var text = new TextAnnotation([new(5, 100), new(4 + width, 100), new(4 + width, 160), new(5, 160)], Ignored: false);
        bool[] expected = [fine, middle, coarse];
        for (int level = 0; level < 3; level++)
        {
            int plane = 1000 / FceLevel.Strides[level] * (1000 / FceLevel.Strides[level]);
            var maps = Level(1000, 1000, level, null, text);
            Assert.Equal(expected[level], maps[..plane].Contains(1));
            // An ignored text is masked where it would have been learned.
            maps = Level(1000, 1000, level, null, text with { Ignored = true });
            Assert.Equal(expected[level], maps[(2 * plane)..(3 * plane)].Contains(0));
            Assert.All(maps[..(2 * plane)], v => Assert.Equal(0, v));
            Assert.All(maps[(3 * plane)..], v => Assert.Equal(0, v));
        }
        float[] matching = [.. Enumerable.Repeat(float.NaN, 2 * 31 * 31)];
        FceTargets.DrawMatching([text], 1000, 1000, matching);
        Assert.Contains(1, matching[..961]);
        Assert.All(matching[961..], v => Assert.Equal(1, v));
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void Curved_text_has_sizes_of_its_own(bool curved, bool fine)
    {
        var objective = new FceMethod().CreateObjective(TcmConfig.FullSizeDb, new TrainingOptions { CurvedText = curved });
        Memory<float>[] maps = [.. objective.TargetShapes(320, 320).Select(s => new float[s.Length])];
        // 101 of 320 pixels: the finest level's for ICDAR2015 alone, and the next one's for both.
        objective.DrawTargets([Scaled([new(0, 0), new(100, 0), new(100, 40), new(0, 40)], 1, ignored: false)], 320, 320, maps);
        Assert.Equal(fine, maps[0].Span[..1600].Contains(1));
        Assert.True(maps[1].Span[..400].Contains(1));
    }

    [Fact]
    public void Texts_outside_or_without_area_do_no_harm()
    {
        var outside = Scaled([.. Rectangle.Select(p => p + 100)], 8, ignored: false);
        var point = new TextAnnotation([new(20, 20), new(20, 20), new(20, 20), new(20, 20)], Ignored: false);
        var triangle = new TextAnnotation([new(100, 100), new(180, 100), new(140, 160)], Ignored: false);
        var maps = Level(480, 480, 0, AnySize, outside, point, triangle);
        Assert.All(maps, v => Assert.True(float.IsFinite(v)));
        Assert.Equal(1, maps[..3600].Sum());
        Assert.All(maps[(3 * 3600)..], v => Assert.Equal(0, v));
        Assert.Equal(0, maps[7200 + (15 * 60) + 17]);
    }

    /// <summary>Direction, first vertex and place of an outline do not change what is drawn inside.</summary>
    [Fact]
    public void Outlines_are_analysed_alike_from_any_vertex_in_any_direction()
    {
        var random = new Random(3);
        for (int round = 0; round < 50; round++)
        {
            int n = 4 + random.Next(10);
            Complex[] polygon = [.. Enumerable.Range(0, n).Select(i => new Complex(200, 150)
                + Complex.FromPolarCoordinates(40 + (40 * random.NextDouble()), 2 * Math.PI * i / n))];
            int turn = random.Next(n);
            Complex[] other = [.. polygon[turn..], .. polygon[..turn]];
            Array.Reverse(other);
            // Steps are rounded edge by edge, the start to one of them.
            var (a, b) = (Points(polygon), Points(other));
            Assert.True(a.Max(p => b.Min(q => Complex.Abs(p - q))) < 4 && b.Max(p => a.Min(q => Complex.Abs(p - q))) < 4, $"round {round}");
            Assert.True(Area(a) * Area(b) > 0, $"round {round}: directions differ");
        }
    }

    private static Complex[] Points(Complex[] polygon)
    {
        var c = FourierContour.Analyze(polygon);
        float[] parts = [.. c.Select(v => (float)v.Real), .. c.Select(v => (float)v.Imaginary)];
        return [.. new FourierContour(400).Reconstruct(parts, 0, 0, 1)!.Select(p => new Complex(p.X, p.Y))];
    }

    private static double Area(Complex[] points) =>
        PolygonMeasures.TwiceSignedArea([.. points.Select(p => new PixelPoint((int)p.Real, (int)p.Imaginary))]);

    private static readonly FceTargetOptions AnySize = new() { Sizes = [new(0, 2), new(0, 2), new(0, 2)] };

    private static TextAnnotation Scaled(Complex[] polygon, float factor, bool ignored) =>
        new([.. polygon.Select(p => new Vector2((float)p.Real, (float)p.Imaginary) * factor)], ignored);

    private static float[] Level(int height, int width, int level, FceTargetOptions? options, params TextAnnotation[] texts)
    {
        int stride = FceLevel.Strides[level];
        float[] maps = [.. Enumerable.Repeat(float.NaN, FceTargets.Channels * (height / stride) * (width / stride))];
        FceTargets.DrawLevel(texts, height, width, level, maps, options);
        return maps;
    }
}
