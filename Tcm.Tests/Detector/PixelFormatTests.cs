using Tcm.Detect;
using Tcm.Kernels;

namespace Tcm.Tests.Detector;

/// <summary>Pixels in every format and with gaps between the rows are the same picture.</summary>
public sealed class PixelFormatTests
{
    [Theory]
    [InlineData(PixelFormat.Rgb24, 3)]
    [InlineData(PixelFormat.Bgr24, 3)]
    [InlineData(PixelFormat.Rgba32, 4)]
    [InlineData(PixelFormat.Bgra32, 4)]
    public void Colour_formats_and_strides_give_the_result_of_packed_rgb(PixelFormat format, int bytes)
    {
        using var detector = ShippedDetector.Open();
        var picture = ShippedDetector.Pictures[0];
        string expected = ShippedDetector.Bits(detector.Detect(picture));
        foreach (int gap in (int[])[0, 1, 61])
        {
            byte[] pixels = Spread(picture, format, bytes, gap, grey: false);
            int stride = (picture.Width * bytes) + gap;
            Assert.Equal(expected, ShippedDetector.Bits(detector.Detect(pixels, picture.Width, picture.Height, stride, format)));
            if (gap == 0)
            {
                Assert.Equal(expected, ShippedDetector.Bits(detector.Detect(pixels, picture.Width, picture.Height, 0, format)));
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void Grey_pixels_give_the_result_of_rgb_with_equal_channels(int gap)
    {
        using var detector = ShippedDetector.Open();
        var picture = ShippedDetector.Pictures[0];
        var spread = ImageBuffer.From(Spread(picture, PixelFormat.Rgb24, 3, 0, grey: true), picture.Width, picture.Height, PixelFormat.Rgb24);
        byte[] grey = Spread(picture, PixelFormat.Gray8, 1, gap, grey: true);
        var found = detector.Detect(grey, picture.Width, picture.Height, picture.Width + gap, PixelFormat.Gray8);
        Assert.NotEmpty(found.Regions);
        Assert.Equal(ShippedDetector.Bits(detector.Detect(spread)), ShippedDetector.Bits(found));
    }

    [Theory]
    [InlineData(10, 10, 29, PixelFormat.Rgb24)]
    [InlineData(10, 10, -30, PixelFormat.Rgb24)]
    [InlineData(10, 11, 30, PixelFormat.Rgb24)]
    [InlineData(0, 10, 30, PixelFormat.Rgb24)]
    [InlineData(10, -1, 30, PixelFormat.Rgb24)]
    [InlineData(10, 10, 30, PixelFormat.Rgba32)]
    [InlineData(10, 10, 30, (PixelFormat)77)]
    [InlineData(10_000, 20_000, 30, PixelFormat.Rgb24)]
    public void Sizes_that_do_not_fit_are_refused(int width, int height, int stride, PixelFormat format)
    {
        using var detector = ShippedDetector.Open();
        Assert.Throws<TcmException>(() => detector.Detect(new byte[300], width, height, stride, format));
    }

    [Fact]
    public void Too_many_pixels_are_refused_before_they_are_copied()
    {
        using var detector = ShippedDetector.Open(ShippedDetector.Options with { Limits = new DetectorLimits { MaxPixels = 99 } });
        var error = Assert.Throws<ImageLimitException>(() => detector.Detect(new byte[300], 10, 10, 30, PixelFormat.Rgb24));
        Assert.Contains("10x10", error.Message);
        Assert.Contains("MaxPixels", error.Message);
        Assert.Throws<ImageLimitException>(() => detector.Detect(ShippedDetector.Pictures[0]));
        detector.Detect(new byte[297], 11, 9, 33, PixelFormat.Rgb24);
    }

    private static byte[] Spread(ImageBuffer picture, PixelFormat format, int bytes, int gap, bool grey)
    {
        int stride = (picture.Width * bytes) + gap;
        // The last row has no gap behind it, as in a frame that ends with its last pixel.
        var pixels = new byte[(stride * picture.Height) - gap];
        Array.Fill(pixels, (byte)0xA5);
        for (int y = 0; y < picture.Height; y++)
        {
            for (int x = 0; x < picture.Width; x++)
            {
                var rgb = picture.Rgb.Slice(3 * ((y * picture.Width) + x), 3);
                var (r, g, b) = grey ? (rgb[1], rgb[1], rgb[1]) : (rgb[0], rgb[1], rgb[2]);
                byte[] values = format switch
                {
                    PixelFormat.Gray8 => [g],
                    PixelFormat.Bgr24 => [b, g, r],
                    PixelFormat.Rgba32 => [r, g, b, (byte)x],
                    PixelFormat.Bgra32 => [b, g, r, (byte)y],
                    _ => [r, g, b],
                };
                values.CopyTo(pixels, (y * stride) + (x * bytes));
            }
        }
        return pixels;
    }
}
