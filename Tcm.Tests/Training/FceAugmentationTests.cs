using System.Numerics;
using Tcm.Detect;
using Tcm.Detect.Datasets;
using Tcm.Detect.Training;
using Tcm.Detect.Training.Augmentation;
using Tcm.Kernels.Images;

namespace Tcm.Tests.Training;

/// <summary>Augmentation of FCENet: labels follow the pixels through each step, texts are never cut.</summary>
public sealed class FceAugmentationTests
{
    private static ChannelNormalization Normalization => DrawnSamples.Normalization;

    [Fact]
    public void A_patch_is_mirrored_with_its_texts()
    {
        int moved = 0;
        for (ulong seed = 0; seed < 300; seed++)
        {
            var before = DrawnSamples.Draw(seed);
            var random = new SeededRandom(5, seed);
            var after = PatchFlip.Apply(before, ref random);
            Assert.Equal(before.Texts.Count, after.Texts.Count);
            AssertRedInside(after, seed);
            moved += before.Texts.Zip(after.Texts).Count(t => !t.First.Polygon.SequenceEqual(t.Second.Polygon));
        }
        Assert.True(moved > 100, $"{moved} texts moved");
    }

    [Fact]
    public void A_crop_holds_whole_texts_and_cuts_none()
    {
        int smaller = 0;
        for (ulong seed = 0; seed < 300; seed++)
        {
            var before = DrawnSamples.Draw(seed);
            var random = new SeededRandom(5, seed);
            var after = InstanceCrop.Apply(before, ref random);
            Assert.Contains(after.Texts, t => !t.Ignored);
            AssertRedInside(after, seed);
            Assert.True(after.Image.Width >= (int)(0.3 * before.Image.Width) && after.Image.Height >= (int)(0.3 * before.Image.Height));
            smaller += after.Image.Width < before.Image.Width || after.Image.Height < before.Image.Height ? 1 : 0;
        }
        Assert.True(smaller > 200, $"{smaller} crops are smaller than their pictures");
    }

    [Fact]
    public void Without_a_text_that_counts_nothing_is_cropped()
    {
        var sample = DrawnSamples.Draw(1);
        sample = sample with { Texts = [.. sample.Texts.Select(t => t with { Ignored = true })] };
        var random = new SeededRandom(1, 1);
        Assert.Same(sample, InstanceCrop.Apply(sample, ref random));
    }

    [Fact]
    public void Labels_follow_the_pixels()
    {
        int inside = 0;
        for (ulong seed = 0; seed < 200; seed++)
        {
            var sample = DrawnSamples.Draw(seed);
            var options = new AugmentationSection { Side = 160, Brightness = 0, Saturation = 0, Rotation = 30 };
            float[] canvas = [.. Enumerable.Repeat(float.NaN, 3 * 160 * 160)];
            var texts = FceAugmentation.Apply(sample, options, Normalization, new SeededRandom(7, seed), canvas);
            Assert.All(canvas, v => Assert.True(float.IsFinite(v)));
            inside += DrawnSamples.CountRed(texts, canvas, 160, $"seed {seed}", mayLeave: false);
        }
        Assert.True(inside > 800, $"{inside} pixels were looked at");
    }

    [Fact]
    public void The_same_state_gives_the_same_canvas_and_another_one_another()
    {
        float[] Canvas(ulong stream)
        {
            var canvas = new float[3 * 96 * 96];
            FceAugmentation.Apply(DrawnSamples.Draw(3), new AugmentationSection { Side = 96, Contrast = 0.5 }, Normalization, new SeededRandom(7, stream), canvas);
            return canvas;
        }
        Assert.Equal(Canvas(1), Canvas(1));
        Assert.NotEqual(Canvas(1), Canvas(2));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 5)]
    [InlineData(300, 3)]
    public void Tiny_pictures_do_no_harm(int width, int height)
    {
        var image = ImageBuffer.FromOwnedRgb(new byte[3 * width * height], width, height);
        var text = new TextAnnotation([new(0, 0), new(width, 0), new(width, height), new(0, height)], Ignored: false);
        for (ulong seed = 0; seed < 40; seed++)
        {
            var canvas = new float[3 * 32 * 32];
            FceAugmentation.Apply(new Sample("a", image, [text]), new() { Side = 32, Contrast = 0.5, Rotation = 30 }, Normalization,
                new SeededRandom(7, seed), canvas);
            Assert.All(canvas, v => Assert.True(float.IsFinite(v)));
        }
    }

    [Fact]
    public void Contrast_spreads_colours_around_their_mean()
    {
        Vector<float> r = new(150), g = new(100), b = new(20);
        (new ColorJitter(1, 1, false) { Contrast = 1.5f, Grey = 100 }).Apply(ref r, ref g, ref b);
        Assert.Equal((175f, 100f, 0f), (r[0], g[0], b[0]));
    }

    /// <summary>Upright texts: red inside, and nothing else is red.</summary>
    private static void AssertRedInside(Sample sample, ulong seed)
    {
        for (int i = 0; i < sample.Image.Width * sample.Image.Height; i++)
        {
            int x = i % sample.Image.Width, y = i / sample.Image.Width;
            bool inside = sample.Texts.Any(t => t.Polygon.Min(p => p.X) < x && t.Polygon.Max(p => p.X) > x && t.Polygon.Min(p => p.Y) < y
                && t.Polygon.Max(p => p.Y) > y);
            Assert.True(inside == (sample.Image.Rgb[3 * i] == DrawnSamples.Red[0]), $"seed {seed}: ({x},{y})");
        }
    }
}
