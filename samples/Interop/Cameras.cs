using Tcm.Detect;

namespace Tcm.Samples.Interop;

/// <summary>How cameras lay out their pixels.</summary>
internal enum FrameFormat
{
    /// <summary>A plane of luminance, then one of chrominance: U and V in turn for each 2x2 pixels.</summary>
    Nv12,
    /// <summary>Two pixels in four bytes: Y U Y V.</summary>
    Yuyv,
    /// <summary>Luminance alone.</summary>
    Grey,
}

/// <summary>A frame as a driver hands it out.</summary>
/// <param name="Data">The bytes; may be longer than needed.</param>
/// <param name="Format">Their layout.</param>
/// <param name="Width">Columns, even where there is colour.</param>
/// <param name="Height">Rows, likewise.</param>
/// <param name="Stride">Bytes between rows; drivers like multiples of 64 or 256.</param>
internal readonly record struct CameraFrame(byte[] Data, FrameFormat Format, int Width, int Height, int Stride)
{
    /// <summary>Bytes of such a frame.</summary>
    public int Size => Format == FrameFormat.Nv12 ? Stride * Height * 3 / 2 : Stride * Height;
}

/// <summary>Frames to regions. Text is told by its luminance: without colour the detector finds nearly the same, for less work.</summary>
internal static class Cameras
{
    // One a thread: a camera's frames have one size, and so the buffer is made once.
    [ThreadStatic]
    private static byte[]? buffer;

    /// <summary>Finds the text of a frame, which may be overwritten when the call returns.</summary>
    /// <param name="detector">Shared by all cameras.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="colour">Whether colour is computed, where the frame has it.</param>
    public static DetectionResult Detect(TextDetector detector, CameraFrame frame, bool colour)
    {
        var (data, format, width, height, stride) = frame;
        if (colour && format != FrameFormat.Grey)
        {
            ToRgb(frame, Buffer(3 * width * height));
            return detector.Detect(buffer, width, height, 3 * width, PixelFormat.Rgb24);
        }
        if (format == FrameFormat.Yuyv)
        {
            Luminance(frame, Buffer(width * height));
            return detector.Detect(buffer, width, height, width, PixelFormat.Gray8);
        }
        // The first plane is the grey picture already.
        return detector.Detect(data, width, height, stride, PixelFormat.Gray8);
    }

    /// <summary>Every second byte of YUYV.</summary>
    public static void Luminance(CameraFrame frame, Span<byte> grey)
    {
        for (int y = 0, to = 0; y < frame.Height; y++)
        {
            var row = frame.Data.AsSpan(y * frame.Stride, 2 * frame.Width);
            for (int from = 0; from < row.Length; from += 2)
            {
                grey[to++] = row[from];
            }
        }
    }

    /// <summary>
    /// ITU-R BT.601, limited range, what most cameras send: R = 1.164 (Y-16) + 1.596 (V-128), and so on, in fixed point with 8 bits.
    /// </summary>
    public static void ToRgb(CameraFrame frame, Span<byte> rgb)
    {
        var (data, format, width, height, stride) = frame;
        for (int y = 0, to = 0; y < height; y++)
        {
            var row = data.AsSpan(y * stride);
            var chroma = format == FrameFormat.Nv12 ? data.AsSpan((height + (y / 2)) * stride) : row;
            for (int x = 0; x < width; x++, to += 3)
            {
                var (luma, u, v) = format == FrameFormat.Nv12 ? (row[x], chroma[x & ~1], chroma[x | 1])
                    : (row[2 * x], row[(4 * (x / 2)) + 1], row[(4 * (x / 2)) + 3]);
                int c = (298 * (luma - 16)) + 128, d = u - 128, e = v - 128;
                rgb[to] = Clamp((c + (409 * e)) >> 8);
                rgb[to + 1] = Clamp((c - (100 * d) - (208 * e)) >> 8);
                rgb[to + 2] = Clamp((c + (516 * d)) >> 8);
            }
        }
    }

    private static byte Clamp(int value) => (byte)Math.Clamp(value, 0, 255);

    private static Span<byte> Buffer(int length)
    {
        if (buffer is null || buffer.Length < length)
        {
            buffer = GC.AllocateUninitializedArray<byte>(length);
        }
        return buffer.AsSpan(0, length);
    }
}
