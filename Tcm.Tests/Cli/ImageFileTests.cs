using SkiaSharp;
using Tcm.Cli.Images;
using Tcm.Detect;

namespace Tcm.Tests.Cli;

/// <summary>The corpus of odd and bad pictures.</summary>
public sealed class ImageFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-pictures-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("jpg", SKEncodedImageFormat.Jpeg)]
    [InlineData("png", SKEncodedImageFormat.Png)]
    [InlineData("webp", SKEncodedImageFormat.Webp)]
    public void ReadsWholeAndRefusesTruncatedPictures(string extension, SKEncodedImageFormat format)
    {
        byte[] whole = Pictures.Encoded(120, 80, format);
        var image = ImageFile.Read(Save($"whole.{extension}", whole));
        Assert.Equal((120, 80), (image.Width, image.Height));
        foreach (int length in new[] { 3, 10, 24, whole.Length / 3, whole.Length / 2, whole.Length * 3 / 4 })
        {
            string message = Failure(Save($"cut{length}.{extension}", whole[..length]));
            Assert.True(message.Contains("truncated", StringComparison.Ordinal)
                || message.Contains("not a JPEG", StringComparison.Ordinal), $"{length}: {message}");
        }
    }

    [Fact]
    public void ReadsBmp()
    {
        // 2x1, 24 bits, blue first, rows padded to 4 bytes.
        byte[] bmp = [(byte)'B', (byte)'M', 62, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24,
            0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 30, 20, 10, 60, 50, 40, 0, 0];
        Assert.Equal([10, 20, 30, 40, 50, 60], ImageFile.Read(Save("two.bmp", bmp)).Rgb.ToArray());
        Assert.Contains("truncated", Failure(Save("cut.bmp", bmp[..56])));
    }

    [Theory]
    [InlineData(100_000, 100_000)]
    [InlineData(20_000, 10_001)]
    [InlineData(int.MaxValue, int.MaxValue)]
    public void RefusesHugePicturesBeforeAllocating(int width, int height)
    {
        string path = Save("huge.png", Pictures.Png(width, height, 8, 2, [[1, 2, 3]]));
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Failure(path);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1_000_000);
        Assert.Matches("limit of 200 megapixels|damaged", message);
    }

    [Fact]
    public void RefusesPngThatCannotHoldItsPixels()
    {
        // Below the limit, but a few bytes of deflate cannot stand for 600 MB.
        string message = Failure(Save("bomb.png", Pictures.Png(14_000, 14_000, 8, 2, [[1, 2, 3]])));
        Assert.Contains("the PNG data is truncated", message);
        // The densest picture that there can be is still read: one colour, packed 1000 to 1.
        var rows = Enumerable.Repeat(new byte[3 * 2000], 2000).ToArray();
        Assert.Equal(2000, ImageFile.Read(Save("plain.png", Pictures.Png(2000, 2000, 8, 2, rows))).Height);
    }

    [Theory]
    [InlineData("jpg", SKEncodedImageFormat.Jpeg)]
    [InlineData("png", SKEncodedImageFormat.Png)]
    [InlineData("webp", SKEncodedImageFormat.Webp)]
    public void DamagedBytesGiveAPictureOrOneLine(string extension, SKEncodedImageFormat format)
    {
        byte[] whole = Pictures.Encoded(60, 40, format);
        var random = new Random(7);
        for (int round = 0; round < 200; round++)
        {
            byte[] damaged = [.. whole];
            for (int i = random.Next(1, 6); i > 0; i--)
            {
                // Half of the damage goes to the header, where the sizes are.
                damaged[random.Next(2) == 0 ? random.Next(Math.Min(64, damaged.Length)) : random.Next(damaged.Length)] =
                    (byte)random.Next(256);
            }
            string path = Save($"damaged.{extension}", damaged);
            try
            {
                Assert.True(ImageFile.Read(path).Width > 0);
            }
            catch (ImageFileException e)
            {
                Assert.StartsWith(path + ": ", e.Message);
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }

    [Fact]
    public void SaysWhatIsWrongWithFilesThatAreNoPictures()
    {
        Assert.EndsWith("the file is empty", Failure(Save("empty.jpg", [])));
        Assert.EndsWith("not a JPEG, PNG, WebP or BMP picture", Failure(Save("text.jpg", "just words, no picture"u8.ToArray())));
        Assert.EndsWith("no such file", Failure(Path.Combine(_folder, "missing.png")));
        Assert.EndsWith("no such file", Failure(Path.Combine(_folder, "nowhere", "missing.png")));
        Assert.EndsWith("is a folder, not a picture", Failure(_folder));
        byte[] gif = [.. "GIF89a"u8, 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44,
            1, 0, 0x3b];
        Assert.Matches("not supported|not a JPEG", Failure(Save("a.gif", gif)));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 5000)]
    [InlineData(5000, 1)]
    public void ReadsThinPictures(int width, int height)
    {
        var image = ImageFile.Read(Save("thin.png", Pictures.Encoded(width, height, SKEncodedImageFormat.Png)));
        Assert.Equal((width, height), (image.Width, image.Height));
    }

    [Fact]
    public void SpreadsGreyAndPaletteToRgb()
    {
        var grey = ImageFile.Read(Save("grey.png", Pictures.Png(2, 1, 8, 0, [[7, 250]])));
        Assert.Equal([7, 7, 7, 250, 250, 250], grey.Rgb.ToArray());
        var palette = ImageFile.Read(Save("palette.png", Pictures.Png(2, 1, 8, 3, [[1, 0]], [1, 2, 3, 200, 100, 50])));
        Assert.Equal([200, 100, 50, 1, 2, 3], palette.Rgb.ToArray());
        var bits = ImageFile.Read(Save("bits.png", Pictures.Png(3, 1, 1, 0, [[0b1010_0000]])));
        Assert.Equal([255, 255, 255, 0, 0, 0, 255, 255, 255], bits.Rgb.ToArray());
        var jpeg = ImageFile.Read(Save("grey.jpg",
            Pictures.Encoded(32, 32, SKEncodedImageFormat.Jpeg, SKColorType.Gray8)));
        Assert.Equal(32, jpeg.Width);
        Assert.Equal(jpeg.Rgb[0], jpeg.Rgb[1]);
    }

    [Fact]
    public void LaysTransparencyOverWhite()
    {
        // Opaque red, half-transparent black, fully transparent blue.
        var image = ImageFile.Read(Save("alpha.png",
            Pictures.Png(3, 1, 8, 6, [[255, 0, 0, 255, 0, 0, 0, 128, 0, 0, 255, 0]])));
        Assert.Equal([255, 0, 0, 127, 127, 127, 255, 255, 255], image.Rgb.ToArray());
    }

    [Fact]
    public void KeepsTheUpperByteOfSixteenBits()
    {
        var rgb = ImageFile.Read(Save("16.png", Pictures.Png(1, 1, 16, 2, [[0x12, 0x34, 0xab, 0xcd, 0xff, 0xff]])));
        AssertNear([0x12, 0xab, 0xff], rgb, 1);
        var grey = ImageFile.Read(Save("g16.png", Pictures.Png(2, 1, 16, 0, [[0x80, 0x00, 0x01, 0xff]])));
        AssertNear([0x80, 0x80, 0x80, 1, 1, 1], grey, 1);
    }

    [Fact]
    public void ConvertsCmyk()
    {
        // Left half cyan 0, magenta and yellow full, black 0: red. Right half without ink: white.
        var image = ImageFile.Read(Pictures.Asset("cmyk.jpg"));
        Assert.Equal((16, 8), (image.Width, image.Height));
        AssertNear([255, 0, 0], image, 12, 3 * (4 * 16 + 2));
        AssertNear([255, 255, 255], image, 12, 3 * (4 * 16 + 13));
    }

    [Fact]
    public void AppliesTheOrientationOnlyWhenAsked()
    {
        // Stored 24x12, left half red, orientation 6: turned right, the red half comes on top.
        string path = Pictures.Asset("rotated.jpg");
        var stored = ImageFile.Read(path);
        Assert.Equal((24, 12), (stored.Width, stored.Height));
        AssertNear([200, 0, 0], stored, 12, 3 * (6 * 24 + 2));
        AssertNear([255, 255, 255], stored, 12, 3 * (6 * 24 + 21));
        var upright = ImageFile.Read(path, applyOrientation: true);
        Assert.Equal((12, 24), (upright.Width, upright.Height));
        AssertNear([200, 0, 0], upright, 12, 3 * (2 * 12 + 6));
        AssertNear([255, 255, 255], upright, 12, 3 * (21 * 12 + 6));
    }

    private static void AssertNear(byte[] expected, ImageBuffer image, int tolerance, int at = 0)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.InRange(image.Rgb[at + i], expected[i] - tolerance, expected[i] + tolerance);
        }
    }

    private static string Failure(string path)
    {
        string message = Assert.Throws<ImageFileException>(() => ImageFile.Read(path)).Message;
        Assert.StartsWith(path + ": ", message);
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private string Save(string name, byte[] bytes)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
