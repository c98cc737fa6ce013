using Tcm.Kernels;

namespace Tcm.Detect;

/// <summary>Order of the bytes of a pixel.</summary>
public enum PixelFormat
{
    /// <summary>Red, green, blue.</summary>
    Rgb24,
    /// <summary>Blue, green, red.</summary>
    Bgr24,
    /// <summary>Red, green, blue, alpha (ignored).</summary>
    Rgba32,
    /// <summary>Blue, green, red, alpha (ignored).</summary>
    Bgra32,
    /// <summary>One grey byte.</summary>
    Gray8,
}

/// <summary>An 8-bit RGB picture in memory: <see cref="Height"/> rows of <see cref="Width"/> RGB triples. Immutable.</summary>
public sealed class ImageBuffer
{
    private readonly byte[] _rgb;

    private ImageBuffer(byte[] rgb, int width, int height)
    {
        _rgb = rgb;
        Width = width;
        Height = height;
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>The pixels, row by row, 3 bytes each, without gaps.</summary>
    public ReadOnlySpan<byte> Rgb => _rgb;

    /// <summary>Takes ownership of packed RGB bytes.</summary>
    internal static ImageBuffer FromOwnedRgb(byte[] rgb, int width, int height) => new(rgb, width, height);

    /// <summary>Copies a picture.</summary>
    /// <param name="pixels">The rows, <paramref name="stride"/> bytes apart.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="format">Meaning of the bytes.</param>
    /// <param name="stride">Bytes between rows; 0 means that they follow each other.</param>
    /// <exception cref="TcmException">The sizes do not fit the number of bytes.</exception>
    /// <exception cref="DeviceException">The process has not that much memory left.</exception>
    public static ImageBuffer From(ReadOnlySpan<byte> pixels, int width, int height, PixelFormat format, int stride = 0)
    {
        int bytes = format switch
        {
            PixelFormat.Rgb24 or PixelFormat.Bgr24 => 3,
            PixelFormat.Rgba32 or PixelFormat.Bgra32 => 4,
            PixelFormat.Gray8 => 1,
            _ => throw new TcmException($"ImageBuffer: unknown pixel format {format}"),
        };
        long row = (long)width * bytes;
        long step = stride == 0 ? row : stride;
        // The number of pixels first: with more of them the other products would not fit a long.
        if (width <= 0 || height <= 0 || (long)width * height > Array.MaxLength / 3 || step < row
            || pixels.Length < ((height - 1) * step) + row)
        {
            throw new TcmException(
                $"ImageBuffer: {pixels.Length} bytes do not hold {width}x{height} {format} pixels with a stride of {step}");
        }
        var (r, g, b) = format switch
        {
            PixelFormat.Bgr24 or PixelFormat.Bgra32 => (2, 1, 0),
            PixelFormat.Gray8 => (0, 0, 0),
            _ => (0, 1, 2),
        };
        var rgb = Allocate(width, height);
        for (int y = 0, to = 0; y < height; y++)
        {
            var source = pixels.Slice((int)(y * step), (int)row);
            for (int from = 0; from < source.Length; from += bytes, to += 3)
            {
                rgb[to] = source[from + r];
                rgb[to + 1] = source[from + g];
                rgb[to + 2] = source[from + b];
            }
        }
        return new ImageBuffer(rgb, width, height);
    }

    private static byte[] Allocate(int width, int height)
    {
        try
        {
            return new byte[3 * width * height];
        }
        catch (OutOfMemoryException e)
        {
            throw new DeviceException($"out of memory for a picture of {width}x{height}", e) { IsOutOfMemory = true };
        }
    }
}
