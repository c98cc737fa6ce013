using System.Numerics;
using Tcm.Detect.Datasets;

namespace Tcm.Detect.Training.Augmentation;

/// <summary>
/// The crop of FCENet: it holds one text that counts as a whole, and its edges keep two pixels away from every text, unless
/// they are the picture's.
/// </summary>
internal static class InstanceCrop
{
    private const int Margin = 2, Tolerance = 4;
    private const double LeastSide = 0.3;

    /// <summary>A part of the picture, or all of it where no text counts. Texts that reach out of it further than a little are
    /// dropped, those that do not are cut.</summary>
    public static Sample Apply(Sample sample, ref SeededRandom random)
    {
        var care = sample.Texts.Where(t => !t.Ignored).ToList();
        if (care.Count == 0)
        {
            return sample;
        }
        var text = care[random.Next(care.Count)].Polygon;
        var (left, right) = Range(sample.Texts.Select(t => (t.Polygon.Min(p => p.X), t.Polygon.Max(p => p.X))),
            text.Min(p => p.X), text.Max(p => p.X), sample.Image.Width, ref random);
        var (top, bottom) = Range(sample.Texts.Select(t => (t.Polygon.Min(p => p.Y), t.Polygon.Max(p => p.Y))),
            text.Min(p => p.Y), text.Max(p => p.Y), sample.Image.Height, ref random);
        int width = right - left, height = bottom - top;
        var texts = new List<TextAnnotation>();
        foreach (var t in sample.Texts)
        {
            Vector2[] moved = [.. t.Polygon.Select(p => p - new Vector2(left, top))];
            if (moved.All(p => p.X >= -Tolerance && p.X <= width + Tolerance && p.Y >= -Tolerance && p.Y <= height + Tolerance))
            {
                texts.Add(t with
                {
                    Polygon = [.. moved.Select(p => Vector2.Clamp(p, new Vector2(-0.5f), new Vector2(width - 0.5f, height - 0.5f)))],
                });
            }
        }
        return sample with { Image = PixelRegion.Copy(sample.Image, left, top, width, height), Texts = texts };
    }

    /// <summary>First position and the one behind the last, around [least, most], of an axis.</summary>
    private static (int Start, int End) Range(IEnumerable<(float Least, float Most)> texts, float least, float most, int length,
        ref SeededRandom random)
    {
        var free = EastCrop.FreeRuns(texts.Select(t => (t.Least - Margin, t.Most + Margin + 1)), length);
        int side = Math.Min(length, Math.Max(1, (int)(LeastSide * length)));
        int lastStart = Math.Clamp((int)Math.Floor(least) - Margin, 0, length - side);
        int start = Pick([(0, 1), .. free.Select(r => (r.From, Math.Min(r.To, lastStart + 1)))], ref random);
        int firstEnd = Math.Clamp((int)Math.Ceiling(most) + Margin + 1, start + side, length);
        int end = Pick([(length, length + 1), .. free.Select(r => (Math.Max(r.From, firstEnd), r.To))], ref random);
        return (start, end);
    }

    private static int Pick(List<(int From, int To)> runs, ref SeededRandom random)
    {
        runs.RemoveAll(r => r.To <= r.From);
        var (from, to) = runs[random.Next(runs.Count)];
        return from + random.Next(to - from);
    }
}
