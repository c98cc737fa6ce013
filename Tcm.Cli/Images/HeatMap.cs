using SkiaSharp;

namespace Tcm.Cli.Images;

/// <summary>Shows a plane of numbers as a picture: dark blue for the least, green, yellow for the greatest.</summary>
internal static class HeatMap
{
    // Viridis at nine even steps (matplotlib, CC0); linear between them.
    private static readonly (byte R, byte G, byte B)[] Stops =
    [
        (68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141), (39, 173, 129), (92, 200, 99),
        (170, 220, 50), (253, 231, 37),
    ];

    // Small planes are enlarged to about this many pixels a side, or nobody could see anything in a map of 20x20.
    private const int SmallestSide = 320;

    // A vector is a strip of so many pixels at least, for the same reason.
    private const int SmallestHeight = 16;

    /// <summary>Colour of a value in 0..1.</summary>
    public static SKColor Colour(float value)
    {
        float position = Math.Clamp(float.IsNaN(value) ? 0 : value, 0, 1) * (Stops.Length - 1);
        int index = Math.Min((int)position, Stops.Length - 2);
        float t = position - index;
        var (a, b) = (Stops[index], Stops[index + 1]);
        return new SKColor(Mix(a.R, b.R, t), Mix(a.G, b.G, t), Mix(a.B, b.B, t));
    }

    /// <summary>Writes a plane as PNG, from its least to its greatest finite value; whole pixels, never blurred; a vector becomes a strip.</summary>
    /// <exception cref="Output.OutputException">It cannot be written.</exception>
    public static void Save(ReadOnlySpan<float> plane, int width, int height, string path)
    {
        float low = float.PositiveInfinity, high = float.NegativeInfinity;
        foreach (float value in plane)
        {
            if (float.IsFinite(value))
            {
                low = Math.Min(low, value);
                high = Math.Max(high, value);
            }
        }
        float scale = high > low ? 1 / (high - low) : 0;
        int zoom = Math.Max(1, SmallestSide / Math.Max(width, height));
        int tall = Math.Max(zoom, height == 1 ? SmallestHeight : 1);
        using var bitmap = new SKBitmap(new SKImageInfo(width * zoom, height * tall, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var pixels = bitmap.GetPixelSpan();
        for (int y = 0, to = 0; y < height * tall; y++)
        {
            for (int x = 0; x < width * zoom; x++, to += 4)
            {
                var colour = Colour((plane[y / tall * width + x / zoom] - low) * scale);
                (pixels[to], pixels[to + 1], pixels[to + 2], pixels[to + 3]) = (colour.Red, colour.Green, colour.Blue, 255);
            }
        }
        Bitmaps.Save(bitmap, path, SKEncodedImageFormat.Png);
    }

    private static byte Mix(byte a, byte b, float t) => (byte)MathF.Round(a + (b - a) * t);
}
