using SkiaSharp;

namespace Tcm.Samples.Interop;

/// <summary>Stands for a camera: films a picture, with rows padded to 64 bytes as drivers do.</summary>
internal sealed class PictureCamera
{
    private const int Alignment = 64;

    public PictureCamera(SKBitmap picture, FrameFormat format)
    {
        // Chrominance is shared by two columns and rows.
        int width = picture.Width & ~1, height = picture.Height & ~1;
        int row = format == FrameFormat.Yuyv ? 2 * width : width;
        var frame = new CameraFrame([], format, width, height, (row + Alignment - 1) / Alignment * Alignment);
        Frame = frame with { Data = new byte[frame.Size] };
        var pixels = picture.Pixels;
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                Set(x, y, pixels[(y * picture.Width) + x]);
            }
        }
    }

    /// <summary>What it sees.</summary>
    public CameraFrame Frame { get; }

    /// <summary>Hands out frames at its own pace.</summary>
    public async Task FilmAsync(NewestFrame frames, int count, TimeSpan pace)
    {
        for (int i = 0; i < count; i++)
        {
            Frame.Data.CopyTo(frames.Next, 0);
            frames.Publish();
            await Task.Delay(pace).ConfigureAwait(false);
        }
        frames.End();
    }

    // ITU-R BT.601, limited range; of a block's pixels the last one gives its colour.
    private void Set(int x, int y, SKColor c)
    {
        byte luma = (byte)Math.Round(16 + (0.257 * c.Red) + (0.504 * c.Green) + (0.098 * c.Blue));
        byte u = (byte)Math.Round(128 - (0.148 * c.Red) - (0.291 * c.Green) + (0.439 * c.Blue));
        byte v = (byte)Math.Round(128 + (0.439 * c.Red) - (0.368 * c.Green) - (0.071 * c.Blue));
        var (data, format, _, height, stride) = Frame;
        switch (format)
        {
            case FrameFormat.Nv12:
                data[(y * stride) + x] = luma;
                data[((height + (y / 2)) * stride) + (x & ~1)] = u;
                data[((height + (y / 2)) * stride) + (x | 1)] = v;
                break;
            case FrameFormat.Yuyv:
                data[(y * stride) + (2 * x)] = luma;
                data[(y * stride) + (4 * (x / 2)) + 1] = u;
                data[(y * stride) + (4 * (x / 2)) + 3] = v;
                break;
            default:
                data[(y * stride) + x] = luma;
                break;
        }
    }
}
