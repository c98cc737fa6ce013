using System.Numerics;
using Tcm.Detect.Training;
using Tcm.Detect.Training.Augmentation;

namespace Tcm.Tests.Training;

/// <summary>The crop of EAST: inside the picture, large enough, through no text, around at least one.</summary>
public sealed class EastCropTests
{
    [Fact]
    public void Crops_cut_no_text_and_hold_one()
    {
        const int Width = 300, Height = 200;
        int cropped = 0;
        for (ulong seed = 0; seed < 2000; seed++)
        {
            var random = new SeededRandom(9, seed);
            var texts = Texts(ref random, Width, Height, -20);
            var crop = EastCrop.Draw(texts, Width, Height, ref random);
            Assert.True(crop.Left >= 0 && crop.Top >= 0 && crop.Left + crop.Width <= Width && crop.Top + crop.Height <= Height, $"{crop}");
            Assert.True(crop.Width >= Width / 10 && crop.Height >= Height / 10, $"{crop}");
            if (crop == new Crop(0, 0, Width, Height))
            {
                continue;
            }
            cropped++;
            Assert.Contains(texts, t => Touches(t, crop));
            // Vertices are rounded to pixels; an edge in a column or row where no text is.
            Assert.All(texts, t => Assert.True(!Inside(crop.Left, t, p => p.X) && !Inside(crop.Left + crop.Width, t, p => p.X)
                && !Inside(crop.Top, t, p => p.Y) && !Inside(crop.Top + crop.Height, t, p => p.Y), $"seed {seed}: {crop}"));
        }
        Assert.True(cropped > 1000, $"{cropped} of 2000 were cropped");
    }

    [Fact]
    public void Without_text_or_free_lines_the_picture_stays_whole()
    {
        var whole = new Crop(0, 0, 100, 80);
        var random = new SeededRandom(1, 1);
        Assert.Equal(whole, EastCrop.Draw([], 100, 80, ref random));
        Assert.Equal(whole, EastCrop.Draw([[new(-5, 20), new(105, 20), new(105, 30), new(-5, 30)]], 100, 80, ref random));
    }

    private static List<Vector2[]> Texts(ref SeededRandom random, int width, int height, int least)
    {
        var texts = new List<Vector2[]>();
        for (int i = 1 + random.Next(4); i > 0; i--)
        {
            float x = random.Next(width - least) + least, y = random.Next(height - least) + least;
            float w = 10 + random.Next(60), h = 5 + random.Next(20), slant = random.Next(9) - 4;
            texts.Add([new(x, y), new(x + w, y + slant), new(x + w, y + h + slant), new(x, y + h)]);
        }
        // The last one lies inside, so that some crop can be found.
        texts.Add([new(100, 90), new(150, 91), new(149, 103), new(101, 102)]);
        return texts;
    }

    private static bool Touches(Vector2[] text, Crop crop) =>
        text.Max(p => p.X) > crop.Left && text.Min(p => p.X) < crop.Left + crop.Width
        && text.Max(p => p.Y) > crop.Top && text.Min(p => p.Y) < crop.Top + crop.Height;

    private static bool Inside(double line, Vector2[] text, Func<Vector2, float> axis) =>
        line > Math.Round(text.Min(axis)) && line < Math.Round(text.Max(axis));
}
