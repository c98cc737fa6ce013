using CsCheck;
using SkiaSharp;
using Tcm.Cli.Images;
using Tcm.Detect;
using Tcm.Samples.Interop;
using Tcm.Tests.Cli;
using Tcm.Tests.Detector;
using Bitmaps = Tcm.Samples.Interop.Bitmaps;

namespace Tcm.Tests.Samples;

/// <summary>samples/Interop: bitmaps and camera frames mean the pixels that they should.</summary>
public sealed class InteropTests
{
    [Fact]
    public void Bitmaps_of_every_layout_and_windows_of_them_get_the_same_regions()
    {
        using var detector = ShippedDetector.Open();
        using var bgra = SKBitmap.Decode(Pictures.Asset("sample.png")).Copy(SKColorType.Bgra8888);
        string expected = ShippedDetector.Bits(detector.Detect(ImageFile.Read(Pictures.Asset("sample.png"))));
        foreach (var type in (SKColorType[])[SKColorType.Bgra8888, SKColorType.Rgba8888, SKColorType.RgbaF16])
        {
            using var bitmap = bgra.Copy(type);
            Assert.Equal(expected, ShippedDetector.Bits(Bitmaps.Detect(detector, bitmap)));
        }
        using var window = Bitmaps.Window(bgra, 90, 60, 300, 120);
        Assert.Equal(bgra.RowBytes, window.RowBytes);
        Assert.Equal(ShippedDetector.Bits(detector.Detect(ShippedDetector.Pictures[0])), ShippedDetector.Bits(Bitmaps.Detect(detector, window)));
        Assert.Throws<ArgumentException>(() => Bitmaps.Window(bgra, 700, 0, 10, 10));
    }

    [Theory]
    [InlineData(FrameFormat.Nv12)]
    [InlineData(FrameFormat.Yuyv)]
    [InlineData(FrameFormat.Grey)]
    internal void Frames_of_every_layout_show_the_text(FrameFormat format)
    {
        using var detector = ShippedDetector.Open();
        using var sign = SKBitmap.Decode(Pictures.Asset("sample.png"));
        var frame = new PictureCamera(sign, format).Frame;
        Assert.Equal((640, 400), (frame.Width, frame.Height));
        int expected = Bitmaps.Detect(detector, sign).Regions.Count;
        Assert.True(expected > 0);
        var luminance = Cameras.Detect(detector, frame, colour: false);
        Assert.InRange(luminance.Regions.Count, 1, expected + 2);
        Assert.InRange(Cameras.Detect(detector, frame, colour: true).Regions.Count, 1, expected + 2);
        // The grey picture is the luminance, whatever lies between the rows.
        byte[] grey = new byte[640 * 400];
        for (int y = 0; y < 400; y++)
        {
            for (int x = 0; x < 640; x++)
            {
                grey[(y * 640) + x] = frame.Data[(y * frame.Stride) + (format == FrameFormat.Yuyv ? 2 * x : x)];
            }
        }
        Assert.Equal(ShippedDetector.Bits(detector.Detect(grey, 640, 400, 0, PixelFormat.Gray8)), ShippedDetector.Bits(luminance));
    }

    [Theory]
    [InlineData(FrameFormat.Nv12)]
    [InlineData(FrameFormat.Yuyv)]
    internal void Colours_are_those_of_the_standard(FrameFormat format)
    {
        Gen.Select(Gen.Byte, Gen.Byte, Gen.Byte).Sample((luma, u, v) =>
        {
            byte[] data = format == FrameFormat.Nv12 ? [luma, luma, 99, 99, luma, luma, 99, 99, u, v, 99, 99]
                : [luma, u, luma, v, 99, 99, luma, u, luma, v, 99, 99];
            var rgb = new byte[12];
            Cameras.ToRgb(new CameraFrame(data, format, 2, 2, format == FrameFormat.Nv12 ? 4 : 6), rgb);
            // ITU-R BT.601: luma has 219 steps from 16, chroma 224 around 128.
            double y = 255 / 219.0 * (luma - 16), cb = 255 / 224.0 * (u - 128), cr = 255 / 224.0 * (v - 128);
            double[] expected = [y + (1.402 * cr), y - (0.344136 * cb) - (0.714136 * cr), y + (1.772 * cb)];
            for (int i = 0; i < 12; i++)
            {
                // Fixed point of 8 bits: half a step for each of three factors times 128, and rounding.
                if (Math.Abs(Math.Clamp(expected[i % 3], 0, 255) - rgb[i]) > 1.5)
                {
                    return false;
                }
            }
            return true;
        });
    }

    [Fact]
    public async Task The_newest_frame_is_the_next_one_and_buffers_go_round()
    {
        using var frames = new NewestFrame(1);
        var buffers = new HashSet<byte[]>();
        for (byte i = 1; i <= 5; i++)
        {
            buffers.Add(frames.Next);
            frames.Next[0] = i;
            frames.Publish();
        }
        byte[] first = (await frames.TakeAsync())!;
        Assert.Equal((5, 4), (first[0], frames.Dropped));
        // Taken, it stays as it is, whatever the camera does.
        for (byte i = 6; i <= 9; i++)
        {
            Assert.NotSame(first, frames.Next);
            buffers.Add(frames.Next);
            frames.Next[0] = i;
            frames.Publish();
        }
        Assert.Equal(5, first[0]);
        Assert.Equal(9, (await frames.TakeAsync())![0]);
        buffers.Add(first);
        Assert.Equal(3, buffers.Count);
        var waiting = frames.TakeAsync();
        Assert.False(waiting.IsCompleted);
        frames.End();
        Assert.Null(await waiting.WaitAsync(TimeSpan.FromMinutes(1)));
        Assert.Null(await frames.TakeAsync());
    }

    [Fact]
    public async Task Camera_and_consumer_on_two_threads_lose_no_frame_uncounted()
    {
        const int count = 20_000;
        using var frames = new NewestFrame(4);
        var camera = Task.Run(() =>
        {
            for (int i = 1; i <= count; i++)
            {
                BitConverter.TryWriteBytes(frames.Next, i);
                frames.Publish();
            }
            frames.End();
        });
        int taken = 0, last = 0;
        while (await frames.TakeAsync().WaitAsync(TimeSpan.FromMinutes(1)) is { } frame)
        {
            int number = BitConverter.ToInt32(frame);
            Assert.True(number > last, $"{number} after {last}");
            (last, taken) = (number, taken + 1);
        }
        await camera;
        Assert.Equal((count, count), (last, taken + frames.Dropped));
    }
}
