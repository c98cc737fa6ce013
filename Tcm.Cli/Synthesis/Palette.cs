using SkiaSharp;

namespace Tcm.Cli.Synthesis;

/// <summary>Colours of signs, walls and letters.</summary>
internal static class Palette
{
    // Ground and letters of signs as they are made; each pair is also used the other way round.
    private static readonly (uint Ground, uint Letters)[] Pairs =
    [
        (0xffffffff, 0xff101010), (0xfff4f1e8, 0xff202428), (0xff0b4ea2, 0xffffffff), (0xff00703c, 0xffffffff),
        (0xffc8102e, 0xffffffff), (0xffffd100, 0xff111111), (0xff1d1d1f, 0xfff5d76e), (0xff5c3a21, 0xfff3e6c8),
        (0xfff58220, 0xffffffff), (0xff6d2077, 0xffffffff), (0xff008c95, 0xffffffff), (0xffd9d9d6, 0xff003a70),
        (0xffe8e3d3, 0xff8b1a1a), (0xff2f4f4f, 0xffe0e0e0), (0xffb22222, 0xffffe135), (0xff111827, 0xff7dd3fc),
    ];

    /// <summary>Ground and letters of a sign.</summary>
    public static (SKColor Ground, SKColor Letters) Sign(SceneRandom random)
    {
        var (ground, letters) = random.Pick(Pairs);
        (SKColor, SKColor) pair = (new SKColor(ground), new SKColor(letters));
        if (random.Chance(0.25f))
        {
            pair = (pair.Item2, pair.Item1);
        }
        if (random.Chance(0.3f))
        {
            var any = Any(random);
            pair = (any, Against(any, random));
        }
        return (Vary(pair.Item1, 14, random), Vary(pair.Item2, 10, random));
    }

    /// <summary>Any colour, greyish ones more often.</summary>
    public static SKColor Any(SceneRandom random) => SKColor.FromHsv(random.Between(0, 360),
        100 * MathF.Pow(random.Unit(), 1.6f), random.Between(8, 100));

    /// <summary>A dull colour of walls and ground.</summary>
    public static SKColor Dull(SceneRandom random) => SKColor.FromHsv(random.Chance(0.6f) ? random.Between(15, 50)
        : random.Between(0, 360), random.Between(0, 35), random.Between(15, 95));

    /// <summary>A colour that can be read on another: far from it in lightness, mostly white, black or a strong colour.</summary>
    public static SKColor Against(SKColor ground, SceneRandom random)
    {
        bool light = Luma(ground) < random.Between(90, 165);
        return random.Unit() switch
        {
            < 0.45f => light ? Vary(SKColors.White, 20, random) : Vary(SKColors.Black, 40, random),
            _ => SKColor.FromHsv(random.Between(0, 360), random.Between(light ? 0 : 30, light ? 60 : 100),
                light ? random.Between(85, 100) : random.Between(5, 45)),
        };
    }

    /// <summary>A colour near another, that can hardly be read on it.</summary>
    public static SKColor Near(SKColor ground, SceneRandom random)
    {
        int step = random.Sign() * random.Whole(14, 45);
        return new SKColor(Clamp(ground.Red + step), Clamp(ground.Green + step), Clamp(ground.Blue + step));
    }

    /// <summary>The colour with channels moved by up to <paramref name="by"/>.</summary>
    public static SKColor Vary(SKColor colour, int by, SceneRandom random) => new(Clamp(colour.Red + random.Whole(-by, by)),
        Clamp(colour.Green + random.Whole(-by, by)), Clamp(colour.Blue + random.Whole(-by, by)));

    /// <summary>The colour times a factor.</summary>
    public static SKColor Shade(SKColor colour, float factor) => new(Clamp(colour.Red * factor), Clamp(colour.Green * factor),
        Clamp(colour.Blue * factor));

    /// <summary>Lightness as JPEG computes it, 0 to 255 (ITU-R BT.601).</summary>
    public static float Luma(SKColor colour) => 0.299f * colour.Red + 0.587f * colour.Green + 0.114f * colour.Blue;

    /// <summary>The largest difference of a channel, 0 to 255.</summary>
    public static float Contrast(SKColor a, SKColor b) => Math.Max(Math.Abs(a.Red - b.Red),
        Math.Max(Math.Abs(a.Green - b.Green), Math.Abs(a.Blue - b.Blue)));

    private static byte Clamp(float value) => (byte)Math.Clamp(value, 0, 255);
}
