using System.Numerics;
using Tcm.Detect.Datasets;
using Tcm.Kernels.Images;

namespace Tcm.Detect.Training.Augmentation;

/// <summary>
/// The DB pipeline (training-and-eval.md section 5.1): colour jitter, mirror, rotation, scale, crop, canvas. The geometry is
/// drawn first and applied to the labels; the picture is then sampled once, by one affine map from the canvas back to the
/// stored pixels. Colours outside the picture are the mean colour. Thread-safe.
/// </summary>
/// <remarks>
/// The reference resamples the whole picture three times (rotation, cubic resize, bilinear resize of the crop), which costs
/// more and blurs; here it is interpolated once, and averaged first where it shrinks. Hence: with the <c>east</c> crop the
/// resize factor has no effect, since the crop is scaled to the canvas whatever came before; jitter acts on interpolated
/// colours without rounding; labels follow the centres of pixels, up to half a pixel of the scaled picture away from the
/// reference's; negative corners are clamped and the last run of free positions is used when cropping.
/// </remarks>
internal static class DbAugmentation
{
    /// <summary>Draws one variant of a sample.</summary>
    /// <param name="sample">The picture and its labels.</param>
    /// <param name="options">What varies, and the canvas.</param>
    /// <param name="normalization">Applied to the pixels.</param>
    /// <param name="random">Decides; the same state gives the same variant.</param>
    /// <param name="canvas">(3,side,side), overwritten</param>
    /// <returns>The labels in pixels of the canvas; those entirely outside the picture's part are left out.</returns>
    public static IReadOnlyList<TextAnnotation> Apply(Sample sample, AugmentationSection options,
        ChannelNormalization normalization, SeededRandom random, Span<float> canvas)
    {
        int side = options.Side, width = sample.Image.Width, height = sample.Image.Height;
        var color = ColorJitter.None;
        var turn = Matrix3x2.Identity;
        Crop crop;
        Matrix3x2 stretch = Matrix3x2.Identity;
        if (options.Enabled)
        {
            color = ColorJitter.Draw(options, ref random);
            var center = new Vector2((width - 1) / 2f, (height - 1) / 2f);
            if (random.NextDouble() < options.Flip)
            {
                turn = Matrix3x2.CreateScale(-1, 1, center);
            }
            turn *= Matrix3x2.CreateRotation((float)(random.Range(-options.Rotation, options.Rotation) * Math.PI / 180), center);
            var care = sample.Texts.Where(t => !t.Ignored).Select(t => Move(t.Polygon, turn)).ToList();
            double scale = Math.Exp(random.Range(Math.Log(options.Scale[0]), Math.Log(options.Scale[1])));
            if (options.Crop == "east")
            {
                crop = EastCrop.Draw(care, width, height, ref random);
            }
            else
            {
                double aspect = Math.Exp(random.Range(-Math.Log(options.Aspect), Math.Log(options.Aspect)) / 2);
                stretch = Matrix3x2.CreateScale((float)(scale * aspect), (float)(scale / aspect));
                crop = WindowCrop.Draw([.. care.Select(p => Move(p, stretch))], width * scale * aspect, height * scale / aspect,
                    side, ref random);
            }
        }
        else
        {
            crop = new Crop(0, 0, width, height);
        }
        double fit = Math.Min(side / crop.Width, side / crop.Height);
        // The longer side is the canvas's exactly; rounding must not take its last line.
        int usedWidth = Math.Min(side, (int)((crop.Width * fit) + 1e-6)), usedHeight = Math.Min(side, (int)((crop.Height * fit) + 1e-6));
        // Centres of pixels lie on whole numbers, so that a scale acts around -0.5.
        var half = Matrix3x2.CreateTranslation(0.5f, 0.5f);
        Matrix3x2.Invert(half, out var halfBack);
        var toCanvas = turn * half * stretch * Matrix3x2.CreateTranslation((float)-crop.Left, (float)-crop.Top)
            * Matrix3x2.CreateScale((float)fit) * halfBack;
        AffineSampler.Sample(sample.Image, toCanvas, color, normalization, usedWidth, usedHeight, side, canvas);
        var texts = new List<TextAnnotation>(sample.Texts.Count);
        foreach (var text in sample.Texts)
        {
            var polygon = Move(text.Polygon, toCanvas);
            if (polygon.Max(p => p.X) > 0 && polygon.Min(p => p.X) < usedWidth && polygon.Max(p => p.Y) > 0
                && polygon.Min(p => p.Y) < usedHeight)
            {
                texts.Add(text with { Polygon = polygon });
            }
        }
        return texts;
    }

    private static Vector2[] Move(IReadOnlyList<Vector2> polygon, Matrix3x2 map)
    {
        var moved = new Vector2[polygon.Count];
        for (int i = 0; i < moved.Length; i++)
        {
            moved[i] = Vector2.Transform(polygon[i], map);
        }
        return moved;
    }
}

/// <summary>A rectangle that is cut out, in pixels of the picture before it.</summary>
internal readonly record struct Crop(double Left, double Top, double Width, double Height);
