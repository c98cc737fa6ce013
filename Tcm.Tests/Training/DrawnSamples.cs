using System.Numerics;
using Tcm.Detect;
using Tcm.Detect.Datasets;
using Tcm.Detect.Training;
using Tcm.Kernels.Images;

namespace Tcm.Tests.Training;

/// <summary>Pictures whose texts are red on grey, so that a test sees whether labels followed their pixels.</summary>
internal static class DrawnSamples
{
    public static readonly ChannelNormalization Normalization = new(123.675f, 116.28f, 103.53f, 1 / 58.395f, 1 / 57.12f, 1 / 57.375f);
    public static readonly byte[] Grey = [90, 90, 90], Red = [220, 30, 60];

    /// <summary>Red rectangles on grey, apart from each other, whose labels are their outlines; one of them is ignored.</summary>
    public static Sample Draw(ulong seed)
    {
        var random = new SeededRandom(11, seed);
        int width = 150 + random.Next(250), height = 120 + random.Next(200);
        var rgb = new byte[3 * width * height];
        for (int p = 0; p < width * height; p++)
        {
            Grey.CopyTo(rgb, 3 * p);
        }
        var texts = new List<TextAnnotation>();
        for (int i = 0; i < 3; i++)
        {
            int w = 20 + random.Next((width / 3) - 26), h = 12 + random.Next((height / 3) - 14);
            int left = (i * width / 3) + random.Next((width / 3) - w - 2), top = random.Next(height - h);
            for (int y = top; y < top + h; y++)
            {
                for (int x = left; x < left + w; x++)
                {
                    Red.CopyTo(rgb, 3 * ((y * width) + x));
                }
            }
            texts.Add(new([new(left - 0.5f, top - 0.5f), new(left + w - 0.5f, top - 0.5f), new(left + w - 0.5f, top + h - 0.5f),
                new(left - 0.5f, top + h - 0.5f)], Ignored: i == 1));
        }
        return new Sample("drawn", ImageBuffer.FromOwnedRgb(rgb, width, height), texts);
    }

    /// <summary>Asserts that labels lie on red pixels of the canvas (3,side,side); how many pixels were looked at.</summary>
    public static int CountRed(IReadOnlyList<TextAnnotation> texts, float[] canvas, int side, string name, bool mayLeave)
    {
        int inside = 0;
        foreach (var text in texts)
        {
            var middle = text.Polygon.Aggregate(Vector2.Zero, (a, b) => a + b) / text.Polygon.Count;
            foreach (var corner in text.Polygon)
            {
                // Well inside: interpolation reaches over the edges.
                var point = middle + (0.4f * (corner - middle));
                bool on = point.X > -1 && point.X < side && point.Y > -1 && point.Y < side;
                Assert.True(on || mayLeave, $"{name}: {point} is not on the canvas");
                if (!on)
                {
                    continue;
                }
                int at = (Math.Clamp((int)(point.Y + 0.5f), 0, side - 1) * side) + Math.Clamp((int)(point.X + 0.5f), 0, side - 1);
                float red = (canvas[at] / Normalization.ScaleR) + Normalization.MeanR;
                Assert.True(Math.Abs(red - Red[0]) < 1, $"{name}: {red} at {point}");
                inside++;
            }
        }
        return inside;
    }
}
