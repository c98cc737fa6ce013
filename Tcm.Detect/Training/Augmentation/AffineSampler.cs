using System.Numerics;
using Tcm.Kernels.Images;

namespace Tcm.Detect.Training.Augmentation;

/// <summary>
/// Samples a picture through an affine map onto a canvas of normalised floats: bilinear, after halving the picture by
/// 2x2 means as long as the map shrinks it to less than 0.6, so that small text is averaged instead of skipped.
/// </summary>
internal static class AffineSampler
{
    private const float LeastScale = 0.6f;

    /// <summary>Fills the top-left part of the canvas; the rest, and what lies outside the picture, becomes 0.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="toCanvas">From pixels of the picture to pixels of the canvas.</param>
    /// <param name="color">Applied before the normalisation.</param>
    /// <param name="normalization">Of the canvas's values.</param>
    /// <param name="width">Columns of the canvas that are used.</param>
    /// <param name="height">Rows that are used.</param>
    /// <param name="side">Columns and rows of the canvas.</param>
    /// <param name="canvas">(3,side,side)</param>
    public static void Sample(ImageBuffer image, Matrix3x2 toCanvas, ColorJitter color, ChannelNormalization normalization,
        int width, int height, int side, Span<float> canvas)
    {
        canvas.Clear();
        var rgb = image.Rgb;
        int columns = image.Width, rows = image.Height;
        byte[]? halved = null;
        float scale = MathF.Sqrt(MathF.Abs(toCanvas.GetDeterminant()));
        while (scale < LeastScale && columns > 1 && rows > 1)
        {
            halved = Halve(rgb, columns, rows);
            rgb = halved;
            columns /= 2;
            rows /= 2;
            scale *= 2;
            // The centre of a pixel of the half picture lies between two pixels of the whole one.
            toCanvas = new Matrix3x2(2, 0, 0, 2, 0.5f, 0.5f) * toCanvas;
        }
        if (!Matrix3x2.Invert(toCanvas, out var back))
        {
            return;
        }
        int plane = side * side;
        for (int y = 0; y < height; y++)
        {
            float sx = (y * back.M21) + back.M31, sy = (y * back.M22) + back.M32;
            int to = y * side;
            for (int x = 0; x < width; x++, to++, sx += back.M11, sy += back.M12)
            {
                if (!(sx > -0.5f && sy > -0.5f && sx < columns - 0.5f && sy < rows - 0.5f))
                {
                    continue;
                }
                float cx = Math.Clamp(sx, 0, columns - 1), cy = Math.Clamp(sy, 0, rows - 1);
                int x0 = (int)cx, y0 = (int)cy, x1 = Math.Min(x0 + 1, columns - 1), y1 = Math.Min(y0 + 1, rows - 1);
                float fx = cx - x0, fy = cy - y0;
                var a = rgb.Slice(3 * ((y0 * columns) + x0), 3);
                var b = rgb.Slice(3 * ((y0 * columns) + x1), 3);
                var c = rgb.Slice(3 * ((y1 * columns) + x0), 3);
                var d = rgb.Slice(3 * ((y1 * columns) + x1), 3);
                float red = Blend(a[0], b[0], c[0], d[0], fx, fy);
                float green = Blend(a[1], b[1], c[1], d[1], fx, fy);
                float blue = Blend(a[2], b[2], c[2], d[2], fx, fy);
                color.Apply(ref red, ref green, ref blue);
                canvas[to] = (red - normalization.MeanR) * normalization.ScaleR;
                canvas[plane + to] = (green - normalization.MeanG) * normalization.ScaleG;
                canvas[(2 * plane) + to] = (blue - normalization.MeanB) * normalization.ScaleB;
            }
        }
    }

    private static float Blend(byte a, byte b, byte c, byte d, float fx, float fy)
    {
        float top = a + ((b - a) * fx), bottom = c + ((d - c) * fx);
        return top + ((bottom - top) * fy);
    }

    private static byte[] Halve(ReadOnlySpan<byte> rgb, int columns, int rows)
    {
        int w = columns / 2, h = rows / 2;
        var half = new byte[3 * w * h];
        for (int y = 0; y < h; y++)
        {
            var top = rgb.Slice(2 * y * columns * 3, columns * 3);
            var bottom = rgb.Slice(((2 * y) + 1) * columns * 3, columns * 3);
            var target = half.AsSpan(3 * y * w, 3 * w);
            for (int x = 0, from = 0; x < target.Length; x += 3, from += 6)
            {
                for (int i = 0; i < 3; i++)
                {
                    target[x + i] = (byte)((top[from + i] + top[from + 3 + i] + bottom[from + i] + bottom[from + 3 + i] + 2) >> 2);
                }
            }
        }
        return half;
    }
}
