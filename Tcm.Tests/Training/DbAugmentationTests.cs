using System.Numerics;
using Tcm.Detect;
using Tcm.Detect.Datasets;
using Tcm.Detect.Training;
using Tcm.Detect.Training.Augmentation;
using Tcm.Kernels.Images;

namespace Tcm.Tests.Training;

/// <summary>Augmentation of DB: what is off changes nothing, labels follow the pixels, the same seed gives the same canvas.</summary>
public sealed class DbAugmentationTests
{
    private static readonly ChannelNormalization Normalization =
        new(122.67891434f, 116.66876762f, 104.00698793f, 1 / 58.395f, 1 / 57.12f, 1 / 57.375f);
    private static readonly byte[] Grey = [90, 90, 90], Red = [220, 30, 60];

    [Theory]
    [InlineData(64, 64)]
    [InlineData(64, 41)]
    [InlineData(37, 64)]
    public void Without_augmentation_the_picture_is_only_normalised(int width, int height)
    {
        var image = Noise(width, height);
        var text = new TextAnnotation([new(3, 4), new(20, 5), new(19, 13), new(2, 12)], Ignored: true, "word");
        float[] canvas = Stale(64);
        var texts = DbAugmentation.Apply(new Sample("a", image, [text]), new() { Side = 64, Enabled = false }, Normalization,
            new SeededRandom(1, 2), canvas);
        AssertNormalised(image, canvas, 64, (x, y) => (x, y));
        Assert.Equal(text.Polygon, Assert.Single(texts).Polygon);
        Assert.True(texts[0].Ignored);
        Assert.Equal("word", texts[0].Transcription);
    }

    [Fact]
    public void Flip_mirrors_pixels_and_labels()
    {
        var image = Noise(64, 50);
        var text = new TextAnnotation([new(3, 4), new(20, 5), new(19, 13), new(2, 12)], Ignored: false);
        float[] canvas = Stale(64);
        var options = Still("window") with { Side = 64, Flip = 1 };
        var texts = DbAugmentation.Apply(new Sample("a", image, [text]), options, Normalization, new SeededRandom(1, 2), canvas);
        AssertNormalised(image, canvas, 64, (x, y) => (63 - x, y));
        Assert.Equal(text.Polygon.Select(p => new Vector2(63 - p.X, p.Y)), texts[0].Polygon);
    }

    [Fact]
    public void Shrinking_averages_all_pixels()
    {
        // Columns of 0 and 255 in turn: one that skips pixels would find stripes.
        byte[] rgb = [.. Enumerable.Range(0, 256 * 256 * 3).Select(i => (byte)(i / 3 % 2 * 255))];
        float[] canvas = Stale(64);
        DbAugmentation.Apply(new Sample("a", ImageBuffer.FromOwnedRgb(rgb, 256, 256), []), new() { Side = 64, Enabled = false },
            Normalization, new SeededRandom(1, 2), canvas);
        Assert.All(canvas[..(64 * 64)], v => Assert.Equal(128, (v / Normalization.ScaleR) + Normalization.MeanR, 1.0));
    }

    /// <summary>Also an odd last column, which halving leaves out, belongs to the picture.</summary>
    [Fact]
    public void Pictures_of_odd_size_fill_their_part_of_the_canvas()
    {
        byte[] rgb = [.. Enumerable.Repeat((byte)200, 643 * 643 * 3)];
        float[] canvas = Stale(64);
        DbAugmentation.Apply(new Sample("a", ImageBuffer.FromOwnedRgb(rgb, 643, 643), []), new() { Side = 64, Enabled = false },
            Normalization, new SeededRandom(1, 2), canvas);
        Assert.All(canvas[..(64 * 64)], v => Assert.Equal(200, (v / Normalization.ScaleR) + Normalization.MeanR, 0.01));
    }

    [Theory]
    [InlineData("east", 0.5, 3.0)]
    [InlineData("window", 0.5, 3.0)]
    [InlineData("window", 0.15, 0.5)]
    public void Labels_follow_the_pixels(string crop, double least, double most)
    {
        int inside = 0, outside = 0;
        for (ulong seed = 0; seed < 150; seed++)
        {
            var (sample, options) = Drawn(seed);
            float[] canvas = Stale(options.Side);
            var texts = DbAugmentation.Apply(sample, options with { Crop = crop, Scale = [least, most], Aspect = 1.3 }, Normalization,
                new SeededRandom(7, seed), canvas);
            foreach (var text in texts)
            {
                var (i, o) = Compare(canvas, options.Side, [.. text.Polygon], sample.Texts[0].Polygon, seed);
                inside += i;
                outside += o;
            }
        }
        Assert.True(inside > 10000 && outside > 20000, $"{inside} pixels inside and {outside} outside were looked at");
    }

    [Fact]
    public void Jitter_stays_in_its_range_and_varies()
    {
        var values = new List<float>();
        var image = ImageBuffer.FromOwnedRgb([.. Enumerable.Repeat((byte)100, 32 * 32 * 3)], 32, 32);
        var options = Still("east") with { Side = 32, Brightness = 0.2, Saturation = 0.5 };
        for (ulong seed = 0; seed < 200; seed++)
        {
            float[] canvas = Stale(32);
            DbAugmentation.Apply(new Sample("a", image, []), options, Normalization, new SeededRandom(7, seed), canvas);
            float value = (canvas[0] / Normalization.ScaleR) + Normalization.MeanR;
            Assert.All(canvas[..1024], v => Assert.Equal(canvas[0], v, 1e-5));
            values.Add(value);
        }
        // Grey has no saturation: only the brightness moves it, evenly.
        Assert.InRange(values.Min(), 79.99f, 83);
        Assert.InRange(values.Max(), 117, 120.01f);
        Assert.Equal(100, values.Average(), 3.0);
    }

    /// <summary>(200,10,10): its grey is 66.81, that of 0.8 times it 53.448; only what saturates first is cut at 255.</summary>
    [Theory]
    [InlineData(true, 0.8 * 255)]
    [InlineData(false, 53.448 + (1.5 * (160 - 53.448)))]
    public void Jitter_keeps_its_order_and_the_range_of_colours(bool saturationFirst, double red)
    {
        Vector<float> r = new(200), g = new(10), b = new(10);
        new ColorJitter(0.8f, 1.5f, saturationFirst).Apply(ref r, ref g, ref b);
        Assert.Equal(red, r[0], 1e-3);
        Assert.Equal(0, g[0]);
        Assert.Equal(0, b[0]);
    }

    [Theory]
    [InlineData("east")]
    [InlineData("window")]
    public void Same_seed_same_canvas(string crop)
    {
        var options = new AugmentationSection { Side = 96, Crop = crop };
        var sample = new Sample("a", Noise(200, 150), [new TextAnnotation([new(30, 40), new(90, 42), new(88, 60), new(31, 57)], false)]);
        var (a, texts) = Once(3);
        var (b, again) = Once(3);
        var (c, _) = Once(4);
        Assert.Equal(a, b);
        Assert.Equal(texts.SelectMany(t => t.Polygon), again.SelectMany(t => t.Polygon));
        Assert.NotEqual(a, c);

        (float[] Canvas, IReadOnlyList<TextAnnotation> Texts) Once(ulong stream)
        {
            float[] canvas = Stale(96);
            return (canvas, DbAugmentation.Apply(sample, options, Normalization, new SeededRandom(7, stream), canvas));
        }
    }

    [Theory]
    [InlineData(1, 40)]
    [InlineData(40, 1)]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 700)]
    public void Tiny_pictures_are_no_error(int width, int height)
    {
        for (ulong seed = 0; seed < 20; seed++)
        {
            float[] canvas = Stale(32);
            DbAugmentation.Apply(new Sample("a", Noise(width, height), []), new() { Side = 32 }, Normalization,
                new SeededRandom(7, seed), canvas);
            Assert.All(canvas, v => Assert.True(float.IsFinite(v)));
        }
    }

    private static AugmentationSection Still(string crop) =>
        new() { Crop = crop, Scale = [1, 1], Rotation = 0, Flip = 0, Brightness = 0, Saturation = 0 };

    /// <summary>A red quadrilateral on grey whose label is its outline, and settings without jitter.</summary>
    private static (Sample Sample, AugmentationSection Options) Drawn(ulong seed)
    {
        var random = new SeededRandom(11, seed);
        int width = 150 + random.Next(250), height = 120 + random.Next(200);
        int w = 30 + random.Next(80), h = 20 + random.Next(40), left = random.Next(width - w), top = random.Next(height - h);
        var rgb = new byte[3 * width * height];
        for (int p = 0; p < width * height; p++)
        {
            bool inside = p % width >= left && p % width <= left + w - 1 && p / width >= top && p / width <= top + h - 1;
            (inside ? Red : Grey).CopyTo(rgb, 3 * p);
        }
        Vector2[] outline = [new(left - 0.5f, top - 0.5f), new(left + w - 0.5f, top - 0.5f), new(left + w - 0.5f, top + h - 0.5f),
            new(left - 0.5f, top + h - 0.5f)];
        return (new Sample("drawn", ImageBuffer.FromOwnedRgb(rgb, width, height), [new TextAnnotation(outline, Ignored: false)]),
            new AugmentationSection { Side = 160, Brightness = 0, Saturation = 0 });
    }

    private static (int Inside, int Outside) Compare(float[] canvas, int side, Vector2[] polygon, IReadOnlyList<Vector2> original, ulong seed)
    {
        // Interpolation reaches one pixel of the picture, or of its halved copy, to either side of an edge.
        float stretchX = Vector2.Distance(polygon[0], polygon[1]) / Vector2.Distance(original[0], original[1]);
        float stretchY = Vector2.Distance(polygon[1], polygon[2]) / Vector2.Distance(original[1], original[2]);
        float margin = (1.5f * Math.Max(1.2f, Math.Max(stretchX, stretchY))) + 0.5f;
        int inside = 0, outside = 0;
        for (int p = 0; p < side * side; p++)
        {
            float distance = SignedDistance(polygon, new Vector2(p % side, p / side));
            float red = (canvas[p] / Normalization.ScaleR) + Normalization.MeanR;
            float green = (canvas[(side * side) + p] / Normalization.ScaleG) + Normalization.MeanG;
            bool blank = canvas[p] == 0 && canvas[(side * side) + p] == 0;
            if (distance > margin && !blank)
            {
                // Blank pixels lie outside the picture, which rotation may cut the text by.
                Assert.True(Math.Abs(red - Red[0]) < 0.01 && Math.Abs(green - Red[1]) < 0.01, $"seed {seed}: {red},{green} inside");
                inside++;
            }
            else if (distance < -margin)
            {
                Assert.True(blank || (Math.Abs(red - Grey[0]) < 0.01 && Math.Abs(green - Grey[1]) < 0.01), $"seed {seed}: {red},{green} outside");
                outside++;
            }
        }
        return (inside, outside);
    }

    /// <summary>Distance of a point from the nearest side of a convex polygon's lines, positive inside, whatever its direction.</summary>
    private static float SignedDistance(Vector2[] polygon, Vector2 point)
    {
        float least = float.MaxValue, area = 0;
        for (int i = 0; i < polygon.Length; i++)
        {
            var (a, b) = (polygon[i], polygon[(i + 1) % polygon.Length]);
            area += (a.X * b.Y) - (b.X * a.Y);
        }
        for (int i = 0; i < polygon.Length; i++)
        {
            var (a, b) = (polygon[i], polygon[(i + 1) % polygon.Length]);
            var along = Vector2.Normalize(b - a);
            float side = (along.X * (point.Y - a.Y)) - (along.Y * (point.X - a.X));
            least = Math.Min(least, side * Math.Sign(area));
        }
        return least;
    }

    private static void AssertNormalised(ImageBuffer image, float[] canvas, int side, Func<int, int, (int X, int Y)> source)
    {
        float[] mean = [Normalization.MeanR, Normalization.MeanG, Normalization.MeanB];
        float[] scale = [Normalization.ScaleR, Normalization.ScaleG, Normalization.ScaleB];
        for (int i = 0; i < canvas.Length; i++)
        {
            int c = i / (side * side), x = i % side, y = i / side % side;
            var (sx, sy) = source(x, y);
            float expected = x < image.Width && y < image.Height
                ? (image.Rgb[(3 * ((sy * image.Width) + sx)) + c] - mean[c]) * scale[c] : 0;
            Assert.Equal(expected, canvas[i], 1e-4);
        }
    }

    private static float[] Stale(int side) => [.. Enumerable.Repeat(float.NaN, 3 * side * side)];

    private static ImageBuffer Noise(int width, int height)
    {
        var rgb = new byte[3 * width * height];
        new Random(3).NextBytes(rgb);
        return ImageBuffer.FromOwnedRgb(rgb, width, height);
    }
}
