using System.Runtime.InteropServices;
using SkiaSharp;
using Tcm.Detect;
using Tcm.Kernels;

namespace Tcm.Cli.Images;

/// <summary>A picture that cannot be read or written; the message names the file and the reason in one line.</summary>
internal sealed class ImageFileException(string path, string reason, Exception? inner = null)
    : TcmException($"{path}: {reason}", inner);

/// <summary>
/// Reads JPEG, PNG, WebP and BMP files as 8-bit RGB. What becomes of the unusual ones: grey and palette pictures are spread to
/// RGB, 16-bit samples keep their upper byte, CMYK is converted without a profile, transparency is laid over white, of an
/// animation the first frame is read, embedded colour profiles are ignored (as OpenCV does, with which the models were
/// trained). The EXIF orientation is ignored unless asked for, because labels of the public data sets refer to stored pixels.
/// </summary>
internal static class ImageFile
{
    /// <summary>More declared pixels than this are refused before anything is allocated for them.</summary>
    public static readonly long MaxPixels = DetectorLimits.Default.MaxPixels;

    private const long MaxFileBytes = 1L << 30;
    private const int FreePixels = 1 << 20;

    /// <summary>Whether the name looks like one of a picture; used for folders and globs only.</summary>
    public static bool HasPictureExtension(string path) => Path.GetExtension(path).ToLowerInvariant()
        is ".jpg" or ".jpeg" or ".png" or ".webp" or ".bmp";

    /// <summary>Reads a picture.</summary>
    /// <param name="path">The file.</param>
    /// <param name="applyOrientation">Whether the picture is turned upright as its EXIF data says.</param>
    /// <exception cref="ImageFileException">It cannot be read.</exception>
    public static ImageBuffer Read(string path, bool applyOrientation = false)
    {
        try
        {
            return Read(path, ReadBytes(path), applyOrientation);
        }
        catch (Exception e) when (e is OutOfMemoryException or DeviceException)
        {
            throw new ImageFileException(path, "not enough memory for this picture", e);
        }
    }

    private static ImageBuffer Read(string path, byte[] bytes, bool applyOrientation)
    {
        using var data = SKData.CreateCopy(bytes);
        using var codec = SKCodec.Create(data);
        if (codec is null)
        {
            throw new ImageFileException(path, Describe(bytes) is { } format
                ? $"the {format} data is damaged or truncated" : "not a JPEG, PNG, WebP or BMP picture");
        }
        string name = FormatName(codec.EncodedFormat)
            ?? throw new ImageFileException(path, $"{codec.EncodedFormat} pictures are not supported");
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if (width <= 0 || height <= 0 || (long)width * height > MaxPixels)
        {
            throw new ImageFileException(path,
                $"{width}x{height} pixels are more than the limit of {MaxPixels / 1_000_000} megapixels");
        }
        if ((long)width * height > MostPixels(codec.EncodedFormat, bytes.Length))
        {
            throw new ImageFileException(path, $"the {name} data is truncated: {bytes.Length} bytes cannot hold {width}x{height} pixels");
        }
        return Decode(path, name, codec, applyOrientation ? codec.EncodedOrigin : SKEncodedOrigin.TopLeft);
    }

    /// <summary>
    /// The most pixels that a file of some bytes may declare, so that a few bytes cannot cost gigabytes. Deflate packs at most 1032 to 1,
    /// and a pixel of a PNG has at least one bit. A block of 8x8 pixels of a JPEG has at least one bit; of lossy WebP it is about as
    /// much. Only a flat lossless WebP, or a BMP that ends early, may stand for more in earnest, and of those small ones pass.
    /// </summary>
    private static long MostPixels(SKEncodedImageFormat format, long bytes) => format == SKEncodedImageFormat.Png
        ? Math.Max(1, bytes) * 8 * 1032 : FreePixels + (bytes * 1024);

    private static unsafe ImageBuffer Decode(string path, string format, SKCodec codec, SKEncodedOrigin origin)
    {
        // No colour space in the request: Skia then leaves the stored values alone instead of applying profiles.
        bool opaque = codec.Info.AlphaType == SKAlphaType.Opaque;
        var info = new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888,
            opaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul, null);
        long length = (long)info.Width * info.Height * 4;
        byte* pixels = (byte*)NativeMemory.Alloc((nuint)length);
        // Told of it, the collector lets go of the large pictures before this one.
        GC.AddMemoryPressure(length);
        try
        {
            var result = codec.GetPixels(info, (nint)pixels);
            if (result != SKCodecResult.Success)
            {
                throw new ImageFileException(path, result switch
                {
                    SKCodecResult.IncompleteInput => $"the {format} data is truncated",
                    SKCodecResult.ErrorInInput or SKCodecResult.InvalidInput => $"the {format} data is damaged or truncated",
                    _ => $"the {format} data cannot be decoded ({result})",
                });
            }
            var span = new Span<byte>(pixels, checked((int)length));
            if (!opaque)
            {
                LayOverWhite(span);
            }
            return origin is SKEncodedOrigin.TopLeft or SKEncodedOrigin.Default
                ? ImageBuffer.From(span, info.Width, info.Height, PixelFormat.Rgba32)
                : TurnUpright(span, info.Width, info.Height, origin);
        }
        finally
        {
            NativeMemory.Free(pixels);
            GC.RemoveMemoryPressure(length);
        }
    }

    private static byte[] ReadBytes(string path)
    {
        if (Directory.Exists(path))
        {
            throw new ImageFileException(path, "is a folder, not a picture");
        }
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
            if (stream.Length == 0)
            {
                throw new ImageFileException(path, "the file is empty");
            }
            if (stream.Length > MaxFileBytes)
            {
                throw new ImageFileException(path, $"{stream.Length >> 20} MB are more than the limit of {MaxFileBytes >> 20} MB");
            }
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImageFileException(path, "no such file", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new ImageFileException(path, "no permission to read the file", e);
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException)
        {
            throw new ImageFileException(path, "the file cannot be read", e);
        }
    }

    /// <summary>The format that the first bytes promise, for messages about files whose header is already unusable.</summary>
    private static string? Describe(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> jpeg = [0xff, 0xd8];
        ReadOnlySpan<byte> png = [0x89, (byte)'P', (byte)'N', (byte)'G'];
        return bytes.StartsWith(jpeg) ? "JPEG"
            : bytes.StartsWith(png) ? "PNG"
            : bytes.StartsWith("RIFF"u8) ? "WebP"
            : bytes.StartsWith("BM"u8) ? "BMP" : null;
    }

    private static string? FormatName(SKEncodedImageFormat format) => format switch
    {
        SKEncodedImageFormat.Jpeg => "JPEG",
        SKEncodedImageFormat.Png => "PNG",
        SKEncodedImageFormat.Webp => "WebP",
        SKEncodedImageFormat.Bmp => "BMP",
        _ => null,
    };

    private static void LayOverWhite(Span<byte> rgba)
    {
        for (int i = 0; i < rgba.Length; i += 4)
        {
            int alpha = rgba[i + 3];
            if (alpha != 255)
            {
                for (int c = 0; c < 3; c++)
                {
                    rgba[i + c] = (byte)((rgba[i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
                }
            }
        }
    }

    private static ImageBuffer TurnUpright(ReadOnlySpan<byte> rgba, int width, int height, SKEncodedOrigin origin)
    {
        // Origins 5 to 8 exchange rows and columns.
        var (w, h) = (int)origin >= 5 ? (height, width) : (width, height);
        var rgb = new byte[3 * w * h];
        for (int y = 0, to = 0; y < h; y++)
        {
            for (int x = 0; x < w; x++, to += 3)
            {
                var (column, row) = origin switch
                {
                    SKEncodedOrigin.TopRight => (width - 1 - x, y),
                    SKEncodedOrigin.BottomRight => (width - 1 - x, height - 1 - y),
                    SKEncodedOrigin.BottomLeft => (x, height - 1 - y),
                    SKEncodedOrigin.LeftTop => (y, x),
                    SKEncodedOrigin.RightTop => (y, height - 1 - x),
                    SKEncodedOrigin.RightBottom => (width - 1 - y, height - 1 - x),
                    SKEncodedOrigin.LeftBottom => (width - 1 - y, x),
                    _ => (x, y),
                };
                rgba.Slice(4 * (row * width + column), 3).CopyTo(rgb.AsSpan(to));
            }
        }
        return ImageBuffer.From(rgb, w, h, PixelFormat.Rgb24);
    }
}
