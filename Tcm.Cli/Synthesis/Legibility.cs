using SkiaSharp;

namespace Tcm.Cli.Synthesis;

/// <summary>Whether a person could read a text in the finished scene; what nobody can is labelled "don't care".</summary>
internal sealed class Legibility(BlockPlacer ground, Lettering lettering, Effects effects, bool stacked)
{
    /// <summary>Letters below this height, in pixels, are not asked for.</summary>
    public const float LeastHeight = 6;

    // Of 255, after the exposure; and in multiples of the noise and of the ground's own deviation.
    private const float LeastContrast = 32;
    private const float ContrastToNoise = 2.2f;
    private const float ContrastToGround = 1.1f;
    private const float LeastClearShare = 0.7f;

    // A blur with this share of the height as its deviation leaves nothing of the strokes.
    private const float BlurToHeight = 0.15f;
    private const float LeastLetterWidth = 2.2f;

    /// <summary>Looks at the ground under a polygon of the scene; the letters must not be drawn yet.</summary>
    public bool CanBeRead(string text, ReadOnlySpan<SKPoint> polygon)
    {
        var (height, length) = Extent(polygon);
        if (height < LeastHeight || length / text.Length < LeastLetterWidth || effects.TotalBlur > BlurToHeight * height)
        {
            return false;
        }
        var samples = ground.Sample(polygon);
        float least = Math.Max(LeastContrast, ContrastToNoise * effects.Noise) / effects.Gain;
        int clear = samples.Count(colour => lettering.Contrast(colour) >= least);
        var (mean, deviation) = BlockPlacer.Summarise(samples);
        return clear >= LeastClearShare * samples.Length && lettering.Contrast(mean) >= ContrastToGround * deviation;
    }

    /// <summary>Across and along the line: of a band the least and the sum of its pieces.</summary>
    private (float Height, float Length) Extent(ReadOnlySpan<SKPoint> polygon)
    {
        int half = polygon.Length / 2;
        float height = float.PositiveInfinity, length = 0;
        for (int i = 0; i < half; i++)
        {
            height = Math.Min(height, SKPoint.Distance(polygon[i], polygon[^(i + 1)]));
            length += i > 0 ? SKPoint.Distance(polygon[i - 1], polygon[i]) : 0;
        }
        return stacked ? (length, height) : (height, length);
    }
}
