using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.Intrinsics;
using Tcm.Kernels.Images;

namespace Tcm.Detect.Training.Augmentation;

/// <summary>
/// Samples a picture through an affine map onto a canvas of normalised floats: bilinear, after halving the picture by
/// 2x2 means as long as the map shrinks it to less than 0.6, so that small text is averaged instead of skipped. Thread-safe.
/// </summary>
internal static class AffineSampler
{
    private const float LeastScale = 0.6f;

    /// <summary>As <see cref="Draw"/>, on a cleared canvas: what the picture does not cover becomes 0.</summary>
    public static void Sample(ImageBuffer image, Matrix3x2 toCanvas, ColorJitter color, ChannelNormalization normalization,
        int width, int height, int side, Span<float> canvas)
    {
        canvas.Clear();
        Draw(image, toCanvas, color, normalization, width, height, side, canvas);
    }

    /// <summary>Draws over the top-left part of the canvas; the rest, and what lies outside the picture, stays.</summary>
    /// <param name="image">The picture; one of a single row or column shows nothing.</param>
    /// <param name="toCanvas">From pixels of the picture to pixels of the canvas; centres of pixels are whole numbers.</param>
    /// <param name="color">Applied before the normalisation.</param>
    /// <param name="normalization">Of the canvas's values.</param>
    /// <param name="width">Columns of the canvas that are used.</param>
    /// <param name="height">Rows that are used.</param>
    /// <param name="side">Columns and rows of the canvas.</param>
    /// <param name="canvas">(3,side,side)</param>
    public static void Draw(ImageBuffer image, Matrix3x2 toCanvas, ColorJitter color, ChannelNormalization normalization,
        int width, int height, int side, Span<float> canvas)
    {
        var rgb = image.Rgb;
        int columns = image.Width, rows = image.Height;
        float right = columns, bottom = rows, scale = MathF.Sqrt(MathF.Abs(toCanvas.GetDeterminant()));
        byte[]? halved = null;
        while (scale < LeastScale && columns >= 4 && rows >= 4)
        {
            halved ??= ArrayPool<byte>.Shared.Rent(3 * (columns / 2) * (rows / 2));
            Halve(rgb, columns, rows, halved);
            rgb = halved;
            columns /= 2;
            rows /= 2;
            right /= 2;
            bottom /= 2;
            scale *= 2;
            // The centre of a pixel of the half picture lies between two pixels of the whole one.
            toCanvas = new Matrix3x2(2, 0, 0, 2, 0.5f, 0.5f) * toCanvas;
        }
        if (columns >= 2 && rows >= 2 && Matrix3x2.Invert(toCanvas, out var back))
        {
            SampleRows(new Picture(rgb, columns, rows, right, bottom), back, color, normalization, width, height, side, canvas);
        }
        if (halved is not null)
        {
            ArrayPool<byte>.Shared.Return(halved);
        }
    }

    /// <summary>
    /// Packed RGB. Its edges lie half a pixel before the first centres and at <see cref="Right"/> and <see cref="Bottom"/>
    /// less a half: up to a pixel behind the last centres where halving left an odd column out.
    /// </summary>
    private readonly ref struct Picture(ReadOnlySpan<byte> rgb, int columns, int rows, float right, float bottom)
    {
        public readonly ReadOnlySpan<byte> Rgb = rgb;
        public readonly int Columns = columns, Rows = rows;
        public readonly float Right = right, Bottom = bottom;
    }

    private static void SampleRows(Picture picture, Matrix3x2 back, ColorJitter color, ChannelNormalization normalization,
        int width, int height, int side, Span<float> canvas)
    {
        // A row is sampled and coloured here, where whole vectors may reach behind its end.
        int stride = width + Vector<float>.Count, plane = side * side;
        float[] row = ArrayPool<float>.Shared.Rent(3 * stride);
        Span<float> red = row.AsSpan(0, stride), green = row.AsSpan(stride, stride), blue = row.AsSpan(2 * stride, stride);
        for (int y = 0; y < height; y++)
        {
            var start = new Vector2((y * back.M21) + back.M31, (y * back.M22) + back.M32);
            int first = 0, end = width;
            Restrict(start.X, back.M11, picture.Right, ref first, ref end);
            Restrict(start.Y, back.M12, picture.Bottom, ref first, ref end);
            int count = end - first;
            if (count <= 0)
            {
                continue;
            }
            Blend(picture, start, new Vector2(back.M11, back.M12), first, red[..count], green[..count], blue[..count]);
            Colour(red, green, blue, count, color, normalization);
            int to = (y * side) + first;
            red[..count].CopyTo(canvas[to..]);
            green[..count].CopyTo(canvas[(plane + to)..]);
            blue[..count].CopyTo(canvas[((2 * plane) + to)..]);
        }
        ArrayPool<float>.Shared.Return(row);
    }

    /// <summary>Narrows [first, end) to the i with -0.5 &lt;= start + i * step &lt;= length - 0.5.</summary>
    private static void Restrict(float start, float step, float length, ref int first, ref int end)
    {
        if (Math.Abs(step) < 1e-9f)
        {
            end = start >= -0.5f && start <= length - 0.5f ? end : first;
            return;
        }
        double a = (-0.5 - start) / step, b = (length - 0.5 - start) / step;
        int beyond = end;
        first = Math.Max(first, (int)Math.Ceiling(Math.Clamp(Math.Min(a, b), 0, beyond)));
        end = Math.Min(end, (int)Math.Floor(Math.Clamp(Math.Max(a, b), -1, beyond)) + 1);
    }

    /// <summary>Bilinear samples at start + i * step for i from <paramref name="first"/>, as colours of 0..255.</summary>
    private static void Blend(Picture picture, Vector2 start, Vector2 step, int first, Span<float> red, Span<float> green,
        Span<float> blue)
    {
        var rgb = picture.Rgb;
        int columns = picture.Columns, rows = picture.Rows;
        for (int i = 0; i < red.Length; i++)
        {
            // Written so that a position that is no number becomes 0, too.
            float x = Math.Min(Math.Max(start.X + ((first + i) * step.X), 0), columns - 1);
            float y = Math.Min(Math.Max(start.Y + ((first + i) * step.Y), 0), rows - 1);
            int x0 = Math.Min((int)x, columns - 2), y0 = Math.Min((int)y, rows - 2);
            int above = 3 * ((y0 * columns) + x0), below = above + (3 * columns);
            Vector128<float> a = Left(rgb, above), c = Left(rgb, below);
            var top = a + ((Right(rgb, above) - a) * (x - x0));
            var bottom = c + ((Right(rgb, below) - c) * (x - x0));
            var value = top + ((bottom - top) * (y - y0));
            red[i] = value.GetElement(0);
            green[i] = value.GetElement(1);
            blue[i] = value.GetElement(2);
        }
    }

    // Both pixels of a pair are read as 4 bytes that begin or end with them, never behind the pair.
    private static Vector128<float> Left(ReadOnlySpan<byte> rgb, int pair) =>
        Widen(BinaryPrimitives.ReadUInt32LittleEndian(rgb[pair..]));

    private static Vector128<float> Right(ReadOnlySpan<byte> rgb, int pair) =>
        Widen(BinaryPrimitives.ReadUInt32LittleEndian(rgb[(pair + 2)..]) >> 8);

    private static Vector128<float> Widen(uint bytes) => Vector128.ConvertToSingle(
        Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalar(bytes).AsByte())).AsInt32());

    private static void Colour(Span<float> red, Span<float> green, Span<float> blue, int count, ColorJitter color,
        ChannelNormalization normalization)
    {
        bool changes = color != ColorJitter.None;
        var (meanR, meanG, meanB, scaleR, scaleG, scaleB) = normalization;
        for (int i = 0; i < count; i += Vector<float>.Count)
        {
            Vector<float> r = new(red[i..]), g = new(green[i..]), b = new(blue[i..]);
            if (changes)
            {
                color.Apply(ref r, ref g, ref b);
            }
            ((r - new Vector<float>(meanR)) * scaleR).CopyTo(red[i..]);
            ((g - new Vector<float>(meanG)) * scaleG).CopyTo(green[i..]);
            ((b - new Vector<float>(meanB)) * scaleB).CopyTo(blue[i..]);
        }
    }

    /// <summary>Means of 2x2 pixels; an odd last row or column is left out. May work in place.</summary>
    private static void Halve(ReadOnlySpan<byte> rgb, int columns, int rows, Span<byte> half)
    {
        int w = columns / 2, h = rows / 2;
        for (int y = 0; y < h; y++)
        {
            var top = rgb.Slice(2 * y * columns * 3, 6 * w);
            var bottom = rgb.Slice(((2 * y) + 1) * columns * 3, 6 * w);
            var target = half.Slice(3 * y * w, 3 * w);
            for (int x = 0, from = 0; x < target.Length; x += 3, from += 6)
            {
                for (int i = 0; i < 3; i++)
                {
                    target[x + i] = (byte)((top[from + i] + top[from + 3 + i] + bottom[from + i] + bottom[from + 3 + i] + 2) >> 2);
                }
            }
        }
    }
}
