using System.Numerics;
using Tcm.Detect.Datasets;
using Tcm.Kernels.Images;

namespace Tcm.Detect.Training.Augmentation;

/// <summary>
/// The FCENet pipeline (training-and-eval.md section 5.3): colour jitter with contrast, a patch mirrored in place, a crop around
/// whole texts, rotation on an enlarged canvas, fitted or stretched to the square, mirror. What is left of the canvas shows a
/// ninth of the picture, stretched. Thread-safe.
/// </summary>
/// <remarks>
/// As in <see cref="DbAugmentation"/> the picture is interpolated once, so that the random resize of the reference, which ends
/// on the same square, has no effect. Contrast comes before brightness and saturation; one background serves the rotation and
/// the square.
/// </remarks>
internal static class FceAugmentation
{
    private const double PatchFlipShare = 0.5, CropShare = 0.8, RotationShare = 0.5, KeepRatioShare = 0.6;

    /// <inheritdoc cref="DbAugmentation.Apply"/>
    public static IReadOnlyList<TextAnnotation> Apply(Sample sample, AugmentationSection options,
        ChannelNormalization normalization, SeededRandom random, Span<float> canvas)
    {
        if (!options.Enabled)
        {
            return DbAugmentation.Apply(sample, options, normalization, random, canvas);
        }
        var color = ColorJitter.Draw(options, ref random) with { Grey = MeanGrey(sample.Image) };
        if (random.NextDouble() < PatchFlipShare)
        {
            sample = PatchFlip.Apply(sample, ref random);
        }
        if (random.NextDouble() < CropShare)
        {
            sample = InstanceCrop.Apply(sample, ref random);
        }
        int side = options.Side;
        Background(sample.Image, color, normalization, side, ref random, canvas);
        var toCanvas = ToCanvas(sample.Image.Width, sample.Image.Height, options, ref random);
        AffineSampler.Draw(sample.Image, toCanvas, color, normalization, side, side, side, canvas);
        return [.. sample.Texts.Select(t => t with { Polygon = [.. t.Polygon.Select(p => Vector2.Transform(p, toCanvas))] })];
    }

    /// <summary>From pixels of the picture to pixels of the canvas.</summary>
    private static Matrix3x2 ToCanvas(int width, int height, AugmentationSection options, ref SeededRandom random)
    {
        int side = options.Side;
        double angle = random.NextDouble() < RotationShare ? random.Range(-options.Rotation, options.Rotation) * Math.PI / 180 : 0;
        double sin = Math.Abs(Math.Sin(angle)), cos = Math.Abs(Math.Cos(angle));
        double boxWidth = (width * cos) + (height * sin), boxHeight = (width * sin) + (height * cos);
        double scaleX = side / boxWidth, scaleY = side / boxHeight;
        if (random.NextDouble() < KeepRatioShare)
        {
            scaleX = scaleY = Math.Min(scaleX, scaleY);
        }
        float mirror = random.NextDouble() < options.Flip ? -1 : 1;
        // Around the middle of both; centres of pixels lie on whole numbers.
        return Matrix3x2.CreateTranslation((1 - width) / 2f, (1 - height) / 2f) * Matrix3x2.CreateRotation((float)angle)
            * Matrix3x2.CreateScale((float)scaleX * mirror, (float)scaleY) * Matrix3x2.CreateTranslation((side - 1) / 2f, (side - 1) / 2f);
    }

    private static void Background(ImageBuffer image, ColorJitter color, ChannelNormalization normalization, int side,
        ref SeededRandom random, Span<float> canvas)
    {
        int width = Math.Min(Math.Max(image.Width / 3, 2), image.Width), height = Math.Min(Math.Max(image.Height / 3, 2), image.Height);
        var patch = PixelRegion.Copy(image, random.Next(image.Width - width + 1), random.Next(image.Height - height + 1), width, height);
        float x = (float)side / width, y = (float)side / height;
        // The first pixel's outer edge comes to lie on the canvas's.
        var stretch = new Matrix3x2(x, 0, 0, y, (x - 1) / 2, (y - 1) / 2);
        AffineSampler.Sample(patch, stretch, color, normalization, side, side, side, canvas);
    }

    private static float MeanGrey(ImageBuffer image)
    {
        double sum = 0;
        var rgb = image.Rgb;
        for (int i = 0; i < rgb.Length; i += 3)
        {
            sum += (0.299 * rgb[i]) + (0.587 * rgb[i + 1]) + (0.114 * rgb[i + 2]);
        }
        return (float)(3 * sum / Math.Max(rgb.Length, 3));
    }
}
