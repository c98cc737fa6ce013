using SkiaSharp;
using Tcm.Cli.Output;
using Tcm.Detect;

namespace Tcm.Cli.Images;

/// <summary>Between <see cref="ImageBuffer"/>, Skia's bitmaps and picture files.</summary>
internal static class Bitmaps
{
    private const int JpegQuality = 90;

    /// <summary>Copies a picture into a bitmap that can be drawn on.</summary>
    public static SKBitmap From(ImageBuffer image)
    {
        var bitmap = new SKBitmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var pixels = bitmap.GetPixelSpan();
        var rgb = image.Rgb;
        for (int from = 0, to = 0; from < rgb.Length; from += 3, to += 4)
        {
            rgb.Slice(from, 3).CopyTo(pixels[to..]);
            pixels[to + 3] = 255;
        }
        return bitmap;
    }

    /// <summary>Writes a bitmap; the file appears only when it is complete.</summary>
    /// <exception cref="OutputException">It cannot be encoded or written.</exception>
    public static void Save(SKBitmap bitmap, string path, SKEncodedImageFormat format)
    {
        // WebP and JPEG have limits of their own on a side (16383, 65535); Skia then returns null.
        using var data = bitmap.Encode(format, JpegQuality)
            ?? throw new OutputException($"{path}: a picture of {bitmap.Width}x{bitmap.Height} cannot be encoded as {format}");
        using var file = new AtomicFile(path);
        file.Write(data.AsSpan());
        file.Commit();
    }
}
