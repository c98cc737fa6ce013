using SkiaSharp;

namespace Tcm.Cli.Synthesis;

/// <summary>Cloudy textures: small random pictures enlarged and laid over each other, each octave finer and weaker.</summary>
internal static class ValueNoise
{
    /// <summary>Lays noise over the canvas.</summary>
    /// <param name="canvas">Where to.</param>
    /// <param name="area">What is covered.</param>
    /// <param name="cell">Pixels of the coarsest spots.</param>
    /// <param name="octaves">Each has half the spots of the one before it.</param>
    /// <param name="strength">Opacity of the coarsest octave, 0 to 1.</param>
    /// <param name="random">Source of the values.</param>
    /// <param name="colourful">Whether channels differ.</param>
    public static void Draw(SKCanvas canvas, SKRect area, float cell, int octaves, float strength, SceneRandom random,
        bool colourful = false)
    {
        using var paint = new SKPaint { BlendMode = SKBlendMode.SoftLight };
        for (int octave = 0; octave < octaves; octave++, cell /= 2.6f, strength *= 0.75f)
        {
            int columns = Math.Clamp((int)(area.Width / cell), 2, 512), rows = Math.Clamp((int)(area.Height / cell), 2, 512);
            using var bitmap = new SKBitmap(new SKImageInfo(columns, rows, SKColorType.Rgba8888, SKAlphaType.Opaque));
            Fill(bitmap.GetPixelSpan(), random.Split(), colourful);
            using var image = SKImage.FromBitmap(bitmap);
            paint.Color = SKColors.White.WithAlpha((byte)(255 * Math.Clamp(strength, 0, 1)));
            canvas.DrawImage(image, area, new SKSamplingOptions(SKFilterMode.Linear), paint);
        }
    }

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
