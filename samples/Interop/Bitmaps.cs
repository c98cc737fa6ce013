using SkiaSharp;
using Tcm.Detect;

namespace Tcm.Samples.Interop;

/// <summary>SkiaSharp's bitmaps, without a copy on this side: the detector reads their rows where they lie, with their stride.</summary>
internal static class Bitmaps
{
    /// <summary>Finds the text of a bitmap. It may be changed again when the call returns.</summary>
    public static DetectionResult Detect(TextDetector detector, SKBitmap bitmap)
    {
        var format = bitmap.ColorType switch
        {
            SKColorType.Bgra8888 => PixelFormat.Bgra32,
            SKColorType.Rgba8888 or SKColorType.Rgb888x => PixelFormat.Rgba32,
            SKColorType.Gray8 => PixelFormat.Gray8,
            _ => (PixelFormat?)null,
        };
        if (format is { } known)
        {
            return detector.Detect(bitmap.GetPixelSpan(), bitmap.Width, bitmap.Height, bitmap.RowBytes, known);
        }
        using var converted = bitmap.Copy(SKColorType.Bgra8888);
        return Detect(detector, converted);
    }

    /// <summary>A part of a bitmap that shares its memory: rows of the part, with the stride of the whole.</summary>
    public static SKBitmap Window(SKBitmap bitmap, int left, int top, int width, int height)
    {
        var window = new SKBitmap();
        return bitmap.ExtractSubset(window, SKRectI.Create(left, top, width, height)) ? window
            : throw new ArgumentException($"({left},{top}) {width}x{height} lies outside {bitmap.Width}x{bitmap.Height}");
    }
}
