using SkiaSharp;
using Tcm.Detect;

namespace Tcm.Samples.Service;

/// <summary>A plane of the network as a grey PNG, black for the least value and white for the greatest.</summary>
internal static class MapPicture
{
    /// <summary>Columns and rows that show something of the picture.</summary>
    public static (int Width, int Height) Size(MapPlane plane) =>
        ((int)Math.Ceiling(plane.PictureWidth), (int)Math.Ceiling(plane.PictureHeight));

    /// <summary>The range of the finite values there; probabilities are shown from 0 to 1 whatever they are.</summary>
    public static (float Low, float High) Range(MapPlane plane)
    {
        var (width, height) = Size(plane);
        float low = float.PositiveInfinity, high = float.NegativeInfinity;
        for (int y = 0; y < height; y++)
        {
            foreach (float value in plane.Values.Slice(y * plane.Width, width))
            {
                if (float.IsFinite(value))
                {
                    (low, high) = (Math.Min(low, value), Math.Max(high, value));
                }
            }
        }
        return low <= high ? (low, high) : (0, 0);
    }

    public static byte[] Encode(MapPlane plane, float low, float high)
    {
        var (width, height) = Size(plane);
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Gray8, SKAlphaType.Opaque));
        float scale = high > low ? 255 / (high - low) : 0;
        var pixels = bitmap.GetPixelSpan();
        for (int y = 0; y < height; y++)
        {
            var values = plane.Values.Slice(y * plane.Width, width);
            var row = pixels.Slice(y * bitmap.RowBytes, width);
            for (int x = 0; x < width; x++)
            {
                float value = (values[x] - low) * scale;
                row[x] = float.IsNaN(value) ? (byte)0 : (byte)Math.Clamp(value + 0.5f, 0, 255);
            }
        }
        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }
}
