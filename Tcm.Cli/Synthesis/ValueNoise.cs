using SkiaSharp;

namespace Tcm.Cli.Synthesis;

/// <summary>Cloudy textures: small random pictures enlarged and averaged, each octave finer and weaker.</summary>
internal static class ValueNoise
{
    // The octaves meet in a picture of this share of the size: enlarging is what costs, and the finest noise is the camera's.
    private const float Share = 0.4f;

    /// <summary>Lays noise over the canvas.</summary>
    /// <param name="canvas">Where to.</param>
    /// <param name="area">What is covered.</param>
    /// <param name="cell">Pixels of the coarsest spots.</param>
    /// <param name="octaves">Each has spots of two fifths the size of the one before it.</param>
    /// <param name="strength">Opacity, 0 to 1.</param>
    /// <param name="random">Source of the values.</param>
    /// <param name="colourful">Whether channels differ.</param>
    public static void Draw(SKCanvas canvas, SKRect area, float cell, int octaves, float strength, SceneRandom random,
        bool colourful = false)
    {
        using var sum = Create((int)(area.Width * Share), (int)(area.Height * Share));
        using var paint = new SKPaint();
        using (var small = new SKCanvas(sum))
        {
            for (int octave = 0; octave < octaves; octave++, cell /= 2.5f)
            {
                using var spots = Create((int)(area.Width / cell), (int)(area.Height / cell));
                Fill(spots.GetPixelSpan(), random.Split(), colourful);
                using var image = SKImage.FromBitmap(spots);
                paint.Color = SKColors.White.WithAlpha((byte)(octave == 0 ? 255 : 110));
                small.DrawImage(image, new SKRect(0, 0, sum.Width, sum.Height), new SKSamplingOptions(SKFilterMode.Linear), paint);
            }
        }
        using var noise = SKImage.FromBitmap(sum);
        paint.BlendMode = SKBlendMode.Overlay;
        paint.Color = SKColors.White.WithAlpha((byte)(255 * Math.Clamp(strength, 0, 1)));
        canvas.DrawImage(noise, area, new SKSamplingOptions(SKFilterMode.Linear), paint);
    }

    private static SKBitmap Create(int width, int height) => new(new SKImageInfo(Math.Max(2, width), Math.Max(2, height),
        SKColorType.Rgba8888, SKAlphaType.Opaque));

    private static void Fill(Span<byte> rgba, SceneRandom random, bool colourful)
    {
        for (int i = 0; i < rgba.Length; i += 4)
        {
            byte grey = (byte)random.Below(256);
            rgba[i] = grey;
            rgba[i + 1] = colourful ? (byte)random.Below(256) : grey;
            rgba[i + 2] = colourful ? (byte)random.Below(256) : grey;
            rgba[i + 3] = 255;
        }
    }
}
