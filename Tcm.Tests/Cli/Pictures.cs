using System.IO.Compression;
using SkiaSharp;
using Tcm.Bench.Fuzzing;

namespace Tcm.Tests.Cli;

/// <summary>Makes the pictures, good, odd and bad, that the tests of the command read.</summary>
internal static class Pictures
{
    /// <summary>A file that lies beside the tests.</summary>
    public static string Asset(string name) => Path.Combine(AppContext.BaseDirectory, "Assets", name);

    /// <summary>A picture with enough detail that its file has some length.</summary>
    public static byte[] Encoded(int width, int height, SKEncodedImageFormat format, SKColorType type = SKColorType.Rgba8888)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, type, SKAlphaType.Opaque));
        using (var canvas = new SKCanvas(bitmap))
        {
            canvas.Clear(SKColors.White);
            using var paint = new SKPaint();
            for (int x = 0; x < width; x += 2)
            {
                paint.Color = new SKColor((byte)(x * 7), (byte)(x * 13), (byte)(x * 29));
                canvas.DrawRect(x, x % 5, 1, height, paint);
            }
        }
        using var data = bitmap.Encode(format, 90);
        return data.ToArray();
    }

    /// <summary>A PNG written by hand, for what encoders do not make.</summary>
    /// <param name="width">Declared columns.</param>
    /// <param name="height">Declared rows.</param>
    /// <param name="depth">Bits of a sample.</param>
    /// <param name="colour">0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA.</param>
    /// <param name="rows">The rows without their filter byte.</param>
    /// <param name="palette">RGB triples for colour type 3.</param>
    public static byte[] Png(int width, int height, byte depth, byte colour, byte[][] rows, byte[]? palette = null)
    {
        using var file = new MemoryStream();
        PngWriter.Begin(file, width, height, depth, colour);
        if (palette is not null)
        {
            PngWriter.Chunk(file, "PLTE", palette);
        }
        using var packed = new MemoryStream();
        using (var zip = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            foreach (byte[] row in rows)
            {
                zip.WriteByte(0);
                zip.Write(row);
            }
        }
        PngWriter.Chunk(file, "IDAT", packed.ToArray());
        PngWriter.Chunk(file, "IEND", []);
        return file.ToArray();
    }
}
