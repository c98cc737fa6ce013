namespace Tcm.Detect.Training.Augmentation;

/// <summary>Rectangles of whole pixels.</summary>
internal static class PixelRegion
{
    /// <summary>A copy of a part of a picture.</summary>
    public static ImageBuffer Copy(ImageBuffer image, int left, int top, int width, int height)
    {
        var rgb = new byte[3 * width * height];
        for (int y = 0; y < height; y++)
        {
            image.Rgb.Slice(3 * (((top + y) * image.Width) + left), 3 * width).CopyTo(rgb.AsSpan(3 * y * width));
        }
        return ImageBuffer.FromOwnedRgb(rgb, width, height);
    }

    /// <summary>A copy of a picture in which a part is mirrored.</summary>
    public static ImageBuffer Mirror(ImageBuffer image, int left, int top, int width, int height, bool horizontally, bool vertically)
    {
        byte[] rgb = image.Rgb.ToArray();
        for (int y = 0; y < height; y++)
        {
            int from = vertically ? height - 1 - y : y;
            var source = image.Rgb.Slice(3 * (((top + from) * image.Width) + left), 3 * width);
            var target = rgb.AsSpan(3 * (((top + y) * image.Width) + left), 3 * width);
            if (!horizontally)
            {
                source.CopyTo(target);
                continue;
            }
            for (int x = 0; x < width; x++)
            {
                source.Slice(3 * (width - 1 - x), 3).CopyTo(target[(3 * x)..]);
            }
        }
        return ImageBuffer.FromOwnedRgb(rgb, image.Width, image.Height);
    }
}
