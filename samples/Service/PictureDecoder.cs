using SkiaSharp;
using Tcm.Detect;

namespace Tcm.Samples.Service;

/// <summary>From the bytes of a file to an upright picture without transparency, as a browser shows it. Thread-safe.</summary>
internal static class PictureDecoder
{
    // The most that PNG can pack: 1032 to 1 (deflate), 8 pixels a byte.
    private const int MostPixelsOfPngByte = 8 * 1032;

    // A block of 8x8 pixels of a JPEG has at least one bit, and of WebP it is about as much; small flat pictures are free.
    private const int MostPixelsOfByte = 1024, FreePixels = 1 << 20;

    /// <exception cref="RequestException">The bytes are no picture, are damaged, or have too many pixels.</exception>
    public static ImageBuffer Decode(byte[] bytes, long maxPixels)
    {
        if (bytes.Length == 0)
        {
            throw RequestException.Bad("No picture", "The file is empty.");
        }
        using var data = SKData.CreateCopy(bytes);
        using var codec = SKCodec.Create(data);
        if (codec is null)
        {
            throw LooksLikePicture(bytes) ? RequestException.Bad("Damaged picture", "The picture is damaged or cut off.")
                : RequestException.Unsupported("The file is not a JPEG, PNG or WebP picture.");
        }
        if (codec.EncodedFormat is not (SKEncodedImageFormat.Jpeg or SKEncodedImageFormat.Png or SKEncodedImageFormat.Webp))
        {
            throw RequestException.Unsupported($"The file is a {codec.EncodedFormat} picture; I read JPEG, PNG and WebP.");
        }
        // Before any memory is taken for them: a small file can promise very many.
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if ((long)width * height > maxPixels)
        {
            throw RequestException.TooLarge($"The picture has {width}x{height} pixels; I take {maxPixels / 1e6:0.##} million.");
        }
        long most = codec.EncodedFormat == SKEncodedImageFormat.Png ? (long)bytes.Length * MostPixelsOfPngByte
            : FreePixels + ((long)bytes.Length * MostPixelsOfByte);
        if ((long)width * height > most)
        {
            throw RequestException.Bad("Damaged picture", "The picture is cut off.");
        }
        // No colour space: the stored values, which is what the model was trained on.
        var info = new SKImageInfo(width, height, SKColorType.Bgra8888,
            codec.Info.AlphaType == SKAlphaType.Opaque ? SKAlphaType.Opaque : SKAlphaType.Premul, null);
        using var stored = new SKBitmap(info);
        if (codec.GetPixels(info, stored.GetPixels()) is var result and not SKCodecResult.Success)
        {
            throw RequestException.Bad("Damaged picture", result == SKCodecResult.IncompleteInput ? "The picture is cut off."
                : "The picture is damaged.");
        }
        if (info.IsOpaque && codec.EncodedOrigin == SKEncodedOrigin.TopLeft)
        {
            return Copy(stored);
        }
        using var upright = Upright(stored, codec.EncodedOrigin);
        return Copy(upright);
    }

    private static ImageBuffer Copy(SKBitmap bitmap) =>
        ImageBuffer.From(bitmap.GetPixelSpan(), bitmap.Width, bitmap.Height, PixelFormat.Bgra32, bitmap.RowBytes);

    private static SKBitmap Upright(SKBitmap stored, SKEncodedOrigin origin)
    {
        // Origins 5 to 8 exchange rows and columns.
        var (w, h) = (stored.Width, stored.Height);
        var (width, height) = (int)origin >= 5 ? (h, w) : (w, h);
        var upright = new SKBitmap(new SKImageInfo(width, height, SKColorType.Bgra8888, SKAlphaType.Opaque, null));
        using var canvas = new SKCanvas(upright);
        canvas.Clear(SKColors.White);
        // x' = a x + b y + c, y' = d x + e y + f
        var (a, b, c, d, e, f) = origin switch
        {
            SKEncodedOrigin.TopRight => (-1, 0, w, 0, 1, 0),
            SKEncodedOrigin.BottomRight => (-1, 0, w, 0, -1, h),
            SKEncodedOrigin.BottomLeft => (1, 0, 0, 0, -1, h),
            SKEncodedOrigin.LeftTop => (0, 1, 0, 1, 0, 0),
            SKEncodedOrigin.RightTop => (0, -1, h, 1, 0, 0),
            SKEncodedOrigin.RightBottom => (0, -1, h, -1, 0, w),
            SKEncodedOrigin.LeftBottom => (0, 1, 0, -1, 0, w),
            _ => (1, 0, 0, 0, 1, 0),
        };
        canvas.SetMatrix(new SKMatrix(a, b, c, d, e, f, 0, 0, 1));
        canvas.DrawBitmap(stored, 0, 0, SKSamplingOptions.Default);
        return upright;
    }

    private static bool LooksLikePicture(ReadOnlySpan<byte> bytes) =>
        bytes is [0xff, 0xd8, ..] or [0x89, (byte)'P', (byte)'N', (byte)'G', ..]
        || (bytes.Length > 11 && bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8));
}
