using System.Numerics;
using Tcm.Detect.Datasets;
using Tcm.Detect.Heads.Db;

namespace Tcm.Tests.Training;

/// <summary>Target maps of DBNet: the worked examples of heads.md section 2.4, rules for small and outside texts, odd widths.</summary>
public sealed class DbTargetsTests
{
    private static readonly TextAnnotation Rectangle = Care(20, 30, 120, 30, 120, 70, 20, 70);

    [Fact]
    public void Rectangle_matches_the_worked_example()
    {
        var maps = Maps.Of(120, 160, Rectangle);
        Assert.Equal(1309, maps.Shrink.Sum());
        for (int p = 0; p < maps.Shrink.Length; p++)
        {
            bool inside = p % 160 is >= 32 and <= 108 && p / 160 is >= 42 and <= 58;
            Assert.Equal(inside ? 1 : 0, maps.Shrink[p]);
        }
        Assert.All(maps.ShrinkMask, v => Assert.Equal(1, v));
        Assert.Equal(7973, maps.ThresholdMask.Sum());
        Assert.Equal(7087.447, maps.Threshold.Sum(v => (double)v), 0.01);
    }

    [Theory]
    [InlineData(70, 30, 0.7)]
    [InlineData(70, 31, 0.666667)]
    [InlineData(70, 36, 0.5)]
    [InlineData(70, 42, 0.3)]
    [InlineData(70, 50, 0.3)]
    [InlineData(70, 24, 0.5)]
    [InlineData(70, 18, 0.3)]
    [InlineData(20, 30, 0.7)]
    [InlineData(15, 25, 0.464298)]
    [InlineData(9, 50, 0.333333)]
    [InlineData(9, 32, 0.327322)]
    [InlineData(9, 31, 0.331821)]
    [InlineData(10, 34, 0.366667)]
    [InlineData(24, 34, 0.566667)]
    public void Threshold_matches_the_worked_example(int x, int y, double expected) =>
        Assert.Equal(expected, Maps.Of(120, 160, Rectangle).Threshold[(y * 160) + x], 1e-5);

    [Fact]
    public void Rotated_quad_matches_the_worked_example()
    {
        var maps = Maps.Of(120, 160, Care(30, 40, 110, 20, 118, 52, 38, 72));
        Assert.Equal(913, maps.Shrink.Sum());
        Assert.Equal(5517, maps.ThresholdMask.Sum());
        Assert.Equal(6662.676, maps.Threshold.Sum(v => (double)v), 0.01);
    }

    [Theory]
    [InlineData(7, false)]
    [InlineData(8, true)]
    public void Texts_below_eight_pixels_are_ignored(int height, bool counts)
    {
        var maps = Maps.Of(40, 64, Care(10, 10, 30, 10, 30, 10 + height, 10, 10 + height));
        Assert.Equal(counts, maps.Shrink.Any(v => v > 0));
        Assert.Equal(counts, maps.ThresholdMask.Any(v => v > 0));
        Assert.Equal(counts ? 0 : 21 * (height + 1), maps.ShrinkMask.Count(v => v == 0));
    }

    [Fact]
    public void Ignored_texts_only_leave_the_mask()
    {
        var maps = Maps.Of(120, 160, Rectangle with { Ignored = true });
        Assert.All(maps.Shrink, v => Assert.Equal(0, v));
        Assert.All(maps.Threshold, v => Assert.Equal(0.3f, v));
        Assert.All(maps.ThresholdMask, v => Assert.Equal(0, v));
        Assert.Equal(101 * 41, maps.ShrinkMask.Count(v => v == 0));
    }

    [Theory]
    [InlineData(-300, 0)]
    [InlineData(300, 0)]
    [InlineData(0, -300)]
    [InlineData(0, 300)]
    public void Texts_outside_leave_no_trace(float x, float y)
    {
        var moved = Rectangle with { Polygon = [.. Rectangle.Polygon.Select(p => p + new Vector2(x, y))] };
        var maps = Maps.Of(120, 160, moved);
        Assert.All(maps.Shrink, v => Assert.Equal(0, v));
        Assert.All(maps.ShrinkMask, v => Assert.Equal(1, v));
        Assert.All(maps.Threshold, v => Assert.Equal(0.3f, v));
        Assert.All(maps.ThresholdMask, v => Assert.Equal(0, v));
    }

    [Fact]
    public void Labels_count_care_texts_that_are_large_enough()
    {
        var second = Rectangle with { Polygon = [.. Rectangle.Polygon.Select(p => p + new Vector2(0, 60))] };
        var maps = Maps.Of(160, 160, Rectangle with { Ignored = true }, Care(0, 0, 20, 0, 20, 5, 0, 5), Rectangle, second);
        Assert.Equal(1, maps.Shrink[(50 * 160) + 70]);
        Assert.Equal(2, maps.Shrink[(110 * 160) + 70]);
    }

    /// <summary>Widths that leave every number of pixels behind the last whole vector; any angle, partly outside.</summary>
    [Fact]
    public void Threshold_equals_the_formula_pixel_by_pixel()
    {
        var random = new Random(5);
        int raised = 0;
        for (int round = 0; round < 60; round++)
        {
            int width = 40 + random.Next(40), height = 30 + random.Next(30);
            var polygon = Star(random, width, height);
            var maps = Maps.Of(height, width, new TextAnnotation(polygon, Ignored: false));
            if (maps.ThresholdMask.All(v => v == 0))
            {
                continue;
            }
            double reach = Reach(polygon);
            for (int p = 0; p < maps.Threshold.Length; p++)
            {
                // Outside the grown box, which the mask does not tell for sure, the map may keep its floor.
                double expected = Formula(polygon, p % width, p / width, reach);
                float actual = maps.Threshold[p];
                bool clipped = actual == 0.3f && maps.ThresholdMask[p] == 0;
                Assert.True(clipped || Math.Abs(actual - expected) < 1e-5, $"round {round}: ({p % width},{p / width}) {actual}, not {expected}");
                raised += actual > 0.3f ? 1 : 0;
            }
        }
        Assert.True(raised > 20000, $"{raised}");
    }

    private static Vector2[] Star(Random random, int width, int height)
    {
        var center = new Vector2(random.Next(width), random.Next(height));
        int corners = 4 + random.Next(8);
        return [.. Enumerable.Range(0, corners).Select(i =>
        {
            var (sin, cos) = Math.SinCos(2 * Math.PI * i / corners);
            float radius = (float)(12 + (15 * random.NextDouble()));
            return center + (radius * new Vector2((float)cos, (float)sin));
        })];
    }

    private static double Reach(Vector2[] polygon)
    {
        double area = 0, perimeter = 0;
        for (int i = 0; i < polygon.Length; i++)
        {
            var (a, b) = (polygon[i], polygon[(i + 1) % polygon.Length]);
            area += (((double)a.X * b.Y) - ((double)b.X * a.Y)) / 2;
            perimeter += Math.Sqrt(Math.Pow((double)b.X - a.X, 2) + Math.Pow((double)b.Y - a.Y, 2));
        }
        return Math.Abs(area) * (1 - 0.16) / perimeter;
    }

    /// <summary>Section 2.4 as it is written there, by the triangle of the pixel and the edge's ends.</summary>
    private static double Formula(Vector2[] polygon, int x, int y, double reach)
    {
        double nearest = 1;
        for (int i = 0; i < polygon.Length; i++)
        {
            var (p, q) = (polygon[i], polygon[(i + 1) % polygon.Length]);
            double a2 = Math.Pow(x - (double)p.X, 2) + Math.Pow(y - (double)p.Y, 2);
            double b2 = Math.Pow(x - (double)q.X, 2) + Math.Pow(y - (double)q.Y, 2);
            double c2 = Math.Pow((double)p.X - q.X, 2) + Math.Pow((double)p.Y - q.Y, 2);
            double cos = (a2 + b2 - c2) / ((2 * Math.Sqrt(a2 * b2)) + 1.1920929e-7);
            double distance = cos > 0 ? Math.Sqrt(Math.Min(a2, b2))
                : Math.Sqrt(a2 * b2 * Math.Max(1 - (cos * cos), 0) / (c2 + 1.1920929e-7));
            nearest = Math.Min(nearest, Math.Clamp(distance / reach, 0, 1));
        }
        return ((1 - nearest) * (0.7 - 0.3)) + 0.3;
    }

    private static TextAnnotation Care(params float[] flat) =>
        new([.. Enumerable.Range(0, flat.Length / 2).Select(i => new Vector2(flat[2 * i], flat[(2 * i) + 1]))], Ignored: false);

    private sealed record Maps(float[] Shrink, float[] ShrinkMask, float[] Threshold, float[] ThresholdMask)
    {
        public static Maps Of(int height, int width, params TextAnnotation[] texts)
        {
            // Stale values have to be overwritten.
            float[][] maps = [.. Enumerable.Range(0, 4).Select(_ => Enumerable.Repeat(float.NaN, height * width).ToArray())];
            DbTargets.Draw(texts, height, width, maps[0], maps[1], maps[2], maps[3]);
            return new Maps(maps[0], maps[1], maps[2], maps[3]);
        }
    }
}
