using SkiaSharp;

namespace Tcm.Cli.Synthesis;

/// <summary>What light and camera do to a scene, from none of it up to a dark, blurred, noisy, compressed picture.</summary>
internal sealed record Effects
{
    private const int NoiseLength = 1 << 16;
    private static readonly sbyte[] NoiseTable = MakeNoise();

    /// <summary>Factor of the exposure; below 1 is darker.</summary>
    public float Gain { get; init; } = 1;

    /// <summary>Exponent of the tone curve.</summary>
    public float Gamma { get; init; } = 1;

    /// <summary>Factors of red and blue, the colour of the light.</summary>
    public (float Red, float Blue) Balance { get; init; } = (1, 1);

    /// <summary>Deviation of a Gaussian blur, in pixels.</summary>
    public float Blur { get; init; }

    /// <summary>The scene is reduced to this share of its size and enlarged again.</summary>
    public float Resolution { get; init; } = 1;

    /// <summary>Length of a motion blur, in pixels.</summary>
    public int Motion { get; init; }

    /// <summary>Deviation of the noise, of 255.</summary>
    public float Noise { get; init; }

    /// <summary>Quality of JPEG; 0 for none.</summary>
    public int Jpeg { get; init; }

    /// <summary>Uneven light: shadows, highlights, gradients.</summary>
    public bool UnevenLight { get; init; }

    /// <summary>Deviation of all blurs together, about, in pixels.</summary>
    public float TotalBlur => MathF.Sqrt(Blur * Blur + Motion * Motion / 12f + MathF.Pow(0.45f * (1 / Resolution - 1), 2));

    /// <summary>Draws the effects of a scene.</summary>
    public static Effects Choose(SceneRandom random)
    {
        bool dark = random.Chance(0.12f);
        float gain = dark ? random.Between(0.2f, 0.6f) : random.Between(0.8f, 1.35f), gamma = random.Between(0.75f, 1.3f);
        float warmth = 0.06f * random.Normal() * (dark ? 2.5f : 1);
        float blur = random.Chance(0.55f) ? 0.25f + 0.75f * Math.Abs(random.Normal()) : 0;
        float resolution = random.Chance(0.35f) ? random.Between(0.5f, 0.95f) : 1;
        int motion = random.Chance(0.07f) ? random.Whole(2, 7) : 0;
        float noise = random.Chance(0.6f) ? random.Between(1, dark ? 16 : 9) : 0;
        int jpeg = random.Chance(0.5f) ? random.Whole(35, 95) : 0;
        return new Effects
        {
            Gain = gain,
            Gamma = gamma,
            Balance = (Math.Clamp(1 + warmth, 0.6f, 1.4f), Math.Clamp(1 - warmth, 0.6f, 1.4f)),
            Blur = Math.Min(blur, 3),
            Resolution = resolution,
            Motion = motion,
            Noise = noise,
            Jpeg = jpeg,
            UnevenLight = random.Chance(0.45f),
        };
    }

    /// <summary>Applies them in the order in which a camera would.</summary>
    public void Apply(SKBitmap scene, SKBitmap scratch, SceneRandom random)
    {
        using var canvas = new SKCanvas(scene);
        var area = new SKRect(0, 0, scene.Width, scene.Height);
        if (UnevenLight)
        {
            Light(canvas, area, random);
        }
        if (Resolution < 1)
        {
            var small = new SKImageInfo((int)(scene.Width * Resolution), (int)(scene.Height * Resolution), scene.ColorType,
                SKAlphaType.Opaque);
            using var reduced = scene.Resize(small, new SKSamplingOptions(SKFilterMode.Linear));
            using var image = SKImage.FromBitmap(reduced);
            canvas.DrawImage(image, area, new SKSamplingOptions(SKFilterMode.Linear));
        }
        if (Motion > 0)
        {
            MotionBlur(canvas, scene, random);
        }
        if (Blur > 0)
        {
            GaussianBlur.Apply(scene.GetPixelSpan(), scratch.GetPixelSpan(), scene.Width, scene.Height, Blur);
        }
        Expose(scene.GetPixelSpan(), scene.Width, random);
        if (Jpeg > 0)
        {
            using var data = scene.Encode(SKEncodedImageFormat.Jpeg, Jpeg);
            using var codec = SKCodec.Create(data);
            codec.GetPixels(scene.Info, scene.GetPixels());
        }
    }

    private static void Light(SKCanvas canvas, SKRect area, SceneRandom random)
    {
        using var paint = new SKPaint { IsAntialias = true, BlendMode = SKBlendMode.Multiply };
        var (sin, cos) = MathF.SinCos(random.Between(0, MathF.Tau));
        var reach = new SKPoint(cos * area.Width / 2, sin * area.Height / 2);
        var middle = new SKPoint(area.MidX, area.MidY);
        byte low = (byte)random.Whole(125, 235);
        using (var shader = SKShader.CreateLinearGradient(middle - reach, middle + reach,
            [SKColors.White, new SKColor(low, low, low)], SKShaderTileMode.Clamp))
        {
            paint.Shader = shader;
            canvas.DrawRect(area, paint);
            paint.Shader = null;
        }
        if (random.Chance(0.4f))
        {
            // The shadow of a house or a tree: an edge across the scene.
            using var builder = new SKPathBuilder();
            builder.AddPoly([new(random.Between(-0.2f, 1) * area.Width, -1), new(area.Width + 1, -1),
                new(area.Width + 1, area.Height + 1), new(random.Between(-0.2f, 1) * area.Width, area.Height + 1)], true);
            using var path = builder.Detach();
            byte shade = (byte)random.Whole(120, 215);
            paint.Color = new SKColor(shade, shade, (byte)Math.Min(255, shade + 12));
            canvas.DrawPath(path, paint);
        }
        if (random.Chance(0.4f))
        {
            var at = new SKPoint(random.Unit() * area.Width, random.Unit() * area.Height);
            using var shader = SKShader.CreateRadialGradient(at, random.Between(0.08f, 0.5f) * area.Width,
                [SKColors.White.WithAlpha((byte)random.Whole(50, 170)), SKColors.Transparent], SKShaderTileMode.Clamp);
            paint.Color = SKColors.White;
            paint.BlendMode = SKBlendMode.Screen;
            paint.Shader = shader;
            canvas.DrawRect(area, paint);
            paint.Shader = null;
        }
    }

    private void MotionBlur(SKCanvas canvas, SKBitmap scene, SceneRandom random)
    {
        using var image = SKImage.FromBitmap(scene);
        using var paint = new SKPaint();
        var (sin, cos) = MathF.SinCos(random.Between(0, MathF.PI));
        for (int i = 1; i <= Motion; i++)
        {
            // Alternating to both sides, so that letters stay where their polygons are.
            float along = (i % 2 == 0 ? 0.5f : -0.5f) * (i + 1);
            paint.Color = SKColors.White.WithAlpha((byte)(255 / (i + 1)));
            canvas.DrawImage(image, cos * along, sin * along, new SKSamplingOptions(SKFilterMode.Linear), paint);
        }
    }

    /// <summary>Tone curve, colour of the light and noise, in one pass.</summary>
    private void Expose(Span<byte> rgba, int width, SceneRandom random)
    {
        Span<byte> red = stackalloc byte[256], green = stackalloc byte[256], blue = stackalloc byte[256];
        for (int i = 0; i < 256; i++)
        {
            float value = 255 * Gain * MathF.Pow(i / 255f, Gamma);
            red[i] = (byte)Math.Clamp(value * Balance.Red + 0.5f, 0, 255);
            green[i] = (byte)Math.Clamp(value + 0.5f, 0, 255);
            blue[i] = (byte)Math.Clamp(value * Balance.Blue + 0.5f, 0, 255);
        }
        // Fixed point with 12 bits; the table has a deviation of 32.
        int scale = (int)(Noise / 32 * 4096);
        for (int row = 0; row < rgba.Length; row += 4 * width)
        {
            var pixels = rgba.Slice(row, 4 * width);
            int at = random.Below(NoiseLength);
            for (int i = 0; i < pixels.Length; i += 4, at += 3)
            {
                pixels[i] = Clamp(red[pixels[i]] + (NoiseTable[at & NoiseLength - 1] * scale >> 12));
                pixels[i + 1] = Clamp(green[pixels[i + 1]] + (NoiseTable[at + 1 & NoiseLength - 1] * scale >> 12));
                pixels[i + 2] = Clamp(blue[pixels[i + 2]] + (NoiseTable[at + 2 & NoiseLength - 1] * scale >> 12));
            }
        }
    }

    private static byte Clamp(int value) => (byte)Math.Clamp(value, 0, 255);

    private static sbyte[] MakeNoise()
    {
        var random = new SceneRandom(1, 1);
        var table = new sbyte[NoiseLength];
        for (int i = 0; i < table.Length; i++)
        {
            table[i] = (sbyte)Math.Clamp(MathF.Round(32 * random.Normal()), -127, 127);
        }
        return table;
    }
}
