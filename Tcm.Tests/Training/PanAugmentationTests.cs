using System.Numerics;
using Tcm.Detect;
using Tcm.Detect.Datasets;
using Tcm.Detect.Training;
using Tcm.Detect.Training.Augmentation;

namespace Tcm.Tests.Training;

/// <summary>Augmentation of PAN: labels follow the pixels, sizes are those that were asked for, windows find text.</summary>
public sealed class PanAugmentationTests
{
    private static AugmentationSection Options(int side, double scale) =>
        new() { Pipeline = "pan", Side = side, Brightness = 0, Saturation = 0, Scale = [scale, scale], Aspect = 1.1 };

    private static (IReadOnlyList<TextAnnotation> Texts, float[] Canvas) Apply(Sample sample, AugmentationSection options, ulong seed)
    {
        float[] canvas = [.. Enumerable.Repeat(float.NaN, 3 * options.Side * options.Side)];
        var texts = PanAugmentation.Apply(sample, options, DrawnSamples.Normalization, new SeededRandom(7, seed), canvas);
        Assert.All(canvas, v => Assert.True(float.IsFinite(v)));
        return (texts, canvas);
    }

    [Fact]
    public void Labels_follow_the_pixels()
    {
        int inside = 0;
        for (ulong seed = 0; seed < 200; seed++)
        {
            var (texts, canvas) = Apply(DrawnSamples.Draw(seed), Options(160, 1.2), seed);
            inside += DrawnSamples.CountRed([.. texts.Where(t => t.Polygon.All(p => p.X > 2 && p.X < 157 && p.Y > 2 && p.Y < 157))],
                canvas, 160, $"seed {seed}", mayLeave: false);
        }
        Assert.True(inside > 500, $"{inside} pixels were looked at");
    }

    /// <summary>The scale is relative to the canvas: with 1, the shorter side fills it, up to the jitter of the aspect.</summary>
    [Theory]
    [InlineData(0.5)]
    [InlineData(1)]
    public void Texts_have_the_size_that_was_asked_for(double scale)
    {
        for (ulong seed = 0; seed < 50; seed++)
        {
            var sample = DrawnSamples.Draw(seed);
            double factor = scale * 128 / Math.Min(sample.Image.Width, sample.Image.Height);
            var before = sample.Texts.ToDictionary(t => Area(t));
            foreach (var text in Apply(sample, Options(128, scale), seed).Texts)
            {
                double area = Area(text) / (factor * factor);
                Assert.Contains(before.Keys, known => Math.Abs(known - area) < 0.01 * area);
            }
        }
    }

    [Fact]
    public void Windows_look_for_text()
    {
        // One small text in the corner of a large picture.
        var image = ImageBuffer.FromOwnedRgb(new byte[3 * 400 * 400], 400, 400);
        var sample = new Sample("a", image, [new([new(370, 380), new(390, 380), new(390, 390), new(370, 390)], Ignored: false)]);
        var options = Options(96, 400.0 / 96) with { Rotation = 0, Flip = 0, Aspect = 1 };
        int found = Enumerable.Range(0, 400).Count(seed => Apply(sample, options, (ulong)seed).Texts.Count > 0);
        // Windows begin between the text's begin less a side and its end less a side: all of them reach it.
        Assert.InRange(found, 210, 300);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 5)]
    [InlineData(300, 3)]
    public void Tiny_pictures_do_no_harm(int width, int height)
    {
        var image = ImageBuffer.FromOwnedRgb(new byte[3 * width * height], width, height);
        var sample = new Sample("a", image, [new([new(0, 0), new(width, 0), new(width, height), new(0, height)], Ignored: false)]);
        for (ulong seed = 0; seed < 40; seed++)
        {
            Apply(sample, Options(32, 1), seed);
        }
    }

    private static double Area(TextAnnotation text)
    {
        double sum = 0;
        for (int i = 0; i < text.Polygon.Count; i++)
        {
            Vector2 a = text.Polygon[i], b = text.Polygon[(i + 1) % text.Polygon.Count];
            sum += ((double)a.X * b.Y) - ((double)a.Y * b.X);
        }
        return Math.Abs(sum) / 2;
    }
}
