using System.Buffers.Binary;
using SkiaSharp;
using Tcm.Cli.Images;
using Tcm.Detect;
using Tcm.Detect.Preprocessing;

namespace Tcm.Bench.Fuzzing;

/// <summary>Picture files, and pixels in memory.</summary>
internal static class PictureTargets
{
    /// <summary>A file of any format. The first byte says whether the picture is turned upright.</summary>
    public static FuzzTarget Files { get; } = new("picture", "JPEG, PNG, WebP and BMP files",
    [
        [0, .. Encoded(SKEncodedImageFormat.Png)], [0, .. Encoded(SKEncodedImageFormat.Jpeg)], [1, .. Encoded(SKEncodedImageFormat.Webp)],
        [0, .. Bmp()], [1, .. WithOrientation(Encoded(SKEncodedImageFormat.Jpeg))],
    ], input =>
    {
        byte[] file = input[Math.Min(1, input.Length)..];
        var picture = ImageFile.Read(FuzzFolder.Put("input", file), input is [1, ..]);
        FuzzTarget.Require(picture.Rgb.Length == 3L * picture.Width * picture.Height, "the pixels do not fit the size");
    });

    /// <summary>Width, height and stride (4 bytes each), format (1), then the pixels; and the resize that follows.</summary>
    public static FuzzTarget Pixels { get; } = new("pixels", "spans of pixels: sizes, strides, formats; the resize",
    [
        Span(4, 3, 0, PixelFormat.Rgb24, 36), Span(2, 2, 12, PixelFormat.Bgra32, 20), Span(5, 1, 5, PixelFormat.Gray8, 5),
        Span(1, 40, 0, PixelFormat.Bgr24, 120),
    ], input =>
    {
        if (input.Length < 13)
        {
            return;
        }
        int width = BinaryPrimitives.ReadInt32LittleEndian(input), height = BinaryPrimitives.ReadInt32LittleEndian(input.AsSpan(4)),
            stride = BinaryPrimitives.ReadInt32LittleEndian(input.AsSpan(8));
        // A copy of its own, which ends where the pixels end.
        byte[] pixels = input[13..];
        var picture = ImageBuffer.From(pixels, width, height, (PixelFormat)input[12], stride);
        FuzzTarget.Require(picture.Rgb.Length == 3L * width * height, "the pixels do not fit the size");
        var prepared = Preprocessor.Prepare(picture, new ResizePolicy(96, 32));
        FuzzTarget.Require(prepared.Size.PaddedWidth % 32 == 0 && prepared.Pixels.Length == prepared.RowStride * prepared.Size.Height, "the resize does not fit");
    });

    private static byte[] Span(int width, int height, int stride, PixelFormat format, int length)
    {
        byte[] bytes = new byte[13 + length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, width);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), height);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), stride);
        bytes[12] = (byte)format;
        return bytes;
    }

    private static byte[] Encoded(SKEncodedImageFormat format)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(8, 6, SKColorType.Rgba8888, SKAlphaType.Opaque));
        for (int i = 0; i < 48; i++)
        {
            bitmap.SetPixel(i % 8, i / 8, new SKColor((byte)(5 * i), (byte)(40 * (i % 5)), 200));
        }
        using var data = bitmap.Encode(format, 60);
        return data.ToArray();
    }

    private static byte[] Bmp() => [(byte)'B', (byte)'M', 62, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24,
        0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 30, 20, 10, 60, 50, 40, 0, 0];

    /// <summary>With an Exif segment that says 6: turned right.</summary>
    private static byte[] WithOrientation(byte[] jpeg) => [.. jpeg[..2], 0xff, 0xe1, 0, 34, .. "Exif\0\0MM\0*"u8, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0,
        0, 0, 0, 0, .. jpeg[2..]];
}
