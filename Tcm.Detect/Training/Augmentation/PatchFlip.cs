using System.Numerics;
using Tcm.Detect.Datasets;

namespace Tcm.Detect.Training.Augmentation;

/// <summary>
/// Mirrors a rectangle of a picture in place, with the texts in it. Its edges run through columns and rows that no text
/// touches; they may lie in a border around the picture, so that texts near the picture's edge take part.
/// </summary>
internal static class PatchFlip
{
    private const int Tries = 10;
    private const double Border = 0.1, LeastArea = 0.2;

    /// <summary>The picture with a mirrored part, or as it was where no large enough part is found.</summary>
    public static Sample Apply(Sample sample, ref SeededRandom random)
    {
        int width = sample.Image.Width, height = sample.Image.Height;
        int borderX = (int)(width * Border), borderY = (int)(height * Border);
        var columns = EastCrop.FreeRuns(sample.Texts.Select(t => (t.Polygon.Min(p => p.X) + borderX, t.Polygon.Max(p => p.X) + borderX + 1)),
            width + (2 * borderX));
        var rows = EastCrop.FreeRuns(sample.Texts.Select(t => (t.Polygon.Min(p => p.Y) + borderY, t.Polygon.Max(p => p.Y) + borderY + 1)),
            height + (2 * borderY));
        for (int i = 0; i < Tries && columns.Count > 0 && rows.Count > 0; i++)
        {
            var (left, right) = Range(columns, borderX, width, ref random);
            var (top, bottom) = Range(rows, borderY, height, ref random);
            if ((double)(right - left) * (bottom - top) >= LeastArea * width * height)
            {
                int kind = random.Next(3);
                return Mirror(sample, left, top, right, bottom, horizontally: kind != 1, vertically: kind != 0);
            }
        }
        return sample;
    }

    private static (int Least, int Most) Range(List<(int From, int To)> runs, int border, int length, ref SeededRandom random)
    {
        var (a, b) = EastCrop.Range(runs, length + (2 * border), ref random);
        return (Math.Clamp(a - border, 0, length), Math.Clamp(b - border, 0, length));
    }

    private static Sample Mirror(Sample sample, int left, int top, int right, int bottom, bool horizontally, bool vertically)
    {
        Vector2 Moved(Vector2 p) => new(horizontally ? left + right - 1 - p.X : p.X, vertically ? top + bottom - 1 - p.Y : p.Y);

        // No edge cuts a text, so that its middle tells where all of it lies.
        bool Inside(TextAnnotation text)
        {
            var middle = (new Vector2(text.Polygon.Min(p => p.X), text.Polygon.Min(p => p.Y))
                + new Vector2(text.Polygon.Max(p => p.X), text.Polygon.Max(p => p.Y))) / 2;
            return middle.X > left - 0.5f && middle.X < right - 0.5f && middle.Y > top - 0.5f && middle.Y < bottom - 0.5f;
        }

        return sample with
        {
            Image = PixelRegion.Mirror(sample.Image, left, top, right - left, bottom - top, horizontally, vertically),
            Texts = [.. sample.Texts.Select(t => Inside(t) ? t with { Polygon = [.. t.Polygon.Select(Moved)] } : t)],
        };
    }
}
