using System.Text.Json;
using CsCheck;
using Tcm.Detect;
using Tcm.Detect.Preprocessing;
using Tcm.Kernels;
using Tcm.Tests.Support;

namespace Tcm.Tests.Preprocessing;

public class PreprocessorTests
{
    [Theory]
    [InlineData(1296, 864, 4068, 736, 1104, 736, 1120, 736)]
    [InlineData(1280, 720, 4068, 1024, 1820, 1024, 1824, 1024)]
    [InlineData(1280, 720, 1333, 736, 1308, 736, 1312, 736)]
    [InlineData(1280, 720, 2260, 2260, 2260, 1271, 2272, 1280)]
    [InlineData(720, 1280, 1024, 4068, 1024, 1820, 1024, 1824)]
    [InlineData(1, 5000, 4068, 1024, 1, 4068, 32, 4096)]
    [InlineData(100000, 1, 4068, 1024, 4068, 1, 4096, 32)]
    [InlineData(1, 1, 4068, 736, 736, 736, 736, 736)]
    public void Size_follows_the_limits_of_both_sides(int w, int h, int longSide, int shortSide, int newW, int newH, int padW, int padH)
    {
        var size = new ResizePolicy(longSide, shortSide).For(w, h);
        Assert.Equal((newW, newH, padW, padH), (size.Width, size.Height, size.PaddedWidth, size.PaddedHeight));
        Assert.Equal((double)newW / w, size.ScaleX);
        Assert.Equal((double)newH / h, size.ScaleY);
    }

    [Fact]
    public void Too_many_pixels_are_refused()
    {
        var policy = new ResizePolicy(100_000, 100_000);
        Assert.Contains("pixels", Assert.Throws<ImageLimitException>(() => policy.For(3000, 2000)).Message);
        Assert.Throws<TcmException>(() => new ResizePolicy(0, 736).For(10, 10));
        Assert.Throws<TcmException>(() => new ResizePolicy(736, 736).For(0, 10));
        Assert.Equal(4000, new ResizePolicy(4000, 4000).For(1, 1).Width);
    }

    [Fact]
    public void Golden_pictures_become_the_same_bytes()
    {
        var arrays = Npz.Read(SharedData.Golden("preprocess.npz"));
        using var json = JsonDocument.Parse(File.ReadAllBytes(SharedData.Golden("preprocess.json")));
        foreach (var golden in json.RootElement.EnumerateArray())
        {
            int i = golden.GetProperty("index").GetInt32();
            var source = arrays[$"image{i}"];
            var expected = arrays[$"resized{i}"];
            int At(string name, int k) => golden.GetProperty(name)[k].GetInt32();
            var image = ImageBuffer.From(source.Bytes, source.Shape[1], source.Shape[0], PixelFormat.Rgb24);
            var prepared = Preprocessor.Prepare(image, new ResizePolicy(At("scale", 0), At("scale", 1)));
            Assert.Equal((At("resized_hw", 1), At("resized_hw", 0)), (prepared.Size.Width, prepared.Size.Height));
            Assert.Equal((At("padded_hw", 1), At("padded_hw", 0)), (prepared.Size.PaddedWidth, prepared.Size.PaddedHeight));
            Assert.Equal(golden.GetProperty("scale_factor")[0].GetDouble(), prepared.Size.ScaleX);
            Assert.Equal(golden.GetProperty("scale_factor")[1].GetDouble(), prepared.Size.ScaleY);
            Assert.Equal(expected.Bytes.Length, prepared.Pixels.Length);
            int worst = 0;
            for (int k = 0; k < expected.Bytes.Length; k++)
            {
                worst = Math.Max(worst, Math.Abs(expected.Bytes[k] - prepared.Pixels.Span[k]));
            }
            Assert.Equal(0, worst);
            if (arrays.TryGetValue($"input{i}", out var input))
            {
                Assert.True(Normalized(prepared, golden.GetProperty("mean").GetString()!).Zip(input.Floats)
                    .All(v => Math.Abs(v.First - v.Second) <= 1e-6f));
            }
        }
    }

    // What NormalizePad makes of the bytes; the golden values were made in float, step by step.
    private static float[] Normalized(PreparedImage prepared, string kind)
    {
        float[] mean = kind == "DB" ? [122.67891434f, 116.66876762f, 104.00698793f] : [123.675f, 116.28f, 103.53f];
        float[] scale = [(float)(1 / 58.395), (float)(1 / 57.12), (float)(1 / 57.375)];
        var size = prepared.Size;
        var result = new float[3 * size.PaddedHeight * size.PaddedWidth];
        for (int c = 0; c < 3; c++)
        {
            for (int y = 0; y < size.Height; y++)
            {
                for (int x = 0; x < size.Width; x++)
                {
                    result[(c * size.PaddedHeight + y) * size.PaddedWidth + x] =
                        (prepared.Pixels.Span[y * prepared.RowStride + 3 * x + c] - mean[c]) * scale[c];
                }
            }
        }
        return result;
    }

    [Fact]
    public void Every_size_stays_within_one_level_of_exact_interpolation() =>
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 40], Gen.Int[1, 90], Gen.Int[1, 90], Gen.Byte.Array[4800]).Sample((w, h, newW, newH, bytes) =>
        {
            var result = new byte[3 * newW * newH];
            BilinearResizer.Resize(bytes, w, h, result, newW, newH);
            for (int y = 0; y < newH; y++)
            {
                var (y0, y1, fy) = Tap(y, h, newH);
                for (int x = 0; x < newW; x++)
                {
                    var (x0, x1, fx) = Tap(x, w, newW);
                    double P(int yy, int xx) => bytes[3 * (yy * w + xx)];
                    double exact = (P(y0, x0) * (1 - fx) + P(y0, x1) * fx) * (1 - fy) + (P(y1, x0) * (1 - fx) + P(y1, x1) * fx) * fy;
                    Assert.InRange(result[3 * (y * newW + x)], exact - 1.2, exact + 1.2);
                }
            }
        }, iter: 200);

    private static (int First, int Second, double Share) Tap(int i, int size, int newSize)
    {
        double position = Math.Clamp((i + 0.5) * size / newSize - 0.5, 0, size - 1);
        int first = (int)position;
        return (first, Math.Min(first + 1, size - 1), position - first);
    }

    [Fact]
    public void Smooth_picture_survives_a_round_trip()
    {
        const int w = 120, h = 80;
        var picture = new byte[3 * w * h];
        for (int i = 0; i < picture.Length; i++)
        {
            picture[i] = (byte)(i / 3 % w + i / 3 / w);
        }
        var large = new byte[9 * picture.Length];
        var back = new byte[picture.Length];
        BilinearResizer.Resize(picture, w, h, large, 3 * w, 3 * h);
        BilinearResizer.Resize(large, 3 * w, 3 * h, back, w, h);
        Assert.All(back.Zip(picture), v => Assert.InRange(v.First - v.Second, -2, 2));
    }

    [Fact]
    public void Memory_is_used_again()
    {
        var image = ImageBuffer.From(new byte[300], 10, 10, PixelFormat.Rgb24);
        var memory = new byte[3 * 64 * 64];
        var prepared = Preprocessor.Prepare(image, new ResizePolicy(64, 64), memory);
        Assert.True(prepared.Pixels.Span.Overlaps(memory));
    }
}
