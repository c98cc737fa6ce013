using System.Numerics;

namespace Tcm.Detect.Training.Augmentation;

/// <summary>A factor of contrast, then factors of brightness and saturation, in either order.</summary>
internal readonly record struct ColorJitter(float Brightness, float Saturation, bool SaturationFirst)
{
    /// <summary>Changes nothing.</summary>
    public static readonly ColorJitter None = new(1, 1, false);

    /// <summary>Factor of the distance from <see cref="Grey"/>, applied first.</summary>
    public float Contrast { get; init; } = 1;

    /// <summary>The picture's mean grey.</summary>
    public float Grey { get; init; }

    /// <summary>Draws factors around 1. Nothing is drawn for contrast where it does not vary.</summary>
    public static ColorJitter Draw(AugmentationSection options, ref SeededRandom random) => new(
        (float)random.Range(1 - options.Brightness, 1 + options.Brightness),
        (float)random.Range(1 - options.Saturation, 1 + options.Saturation), random.NextDouble() < 0.5)
    {
        Contrast = options.Contrast > 0 ? (float)random.Range(1 - options.Contrast, 1 + options.Contrast) : 1,
    };

    /// <summary>Changes a vector of colours of 0..255 and keeps them there.</summary>
    public void Apply(ref Vector<float> r, ref Vector<float> g, ref Vector<float> b)
    {
        if (Contrast != 1)
        {
            var grey = new Vector<float>(Grey);
            r = Clamp(grey + ((r - grey) * Contrast));
            g = Clamp(grey + ((g - grey) * Contrast));
            b = Clamp(grey + ((b - grey) * Contrast));
        }
        if (SaturationFirst)
        {
            Saturate(ref r, ref g, ref b);
        }
        r = Clamp(r * Brightness);
        g = Clamp(g * Brightness);
        b = Clamp(b * Brightness);
        if (!SaturationFirst)
        {
            Saturate(ref r, ref g, ref b);
        }
    }

    private void Saturate(ref Vector<float> r, ref Vector<float> g, ref Vector<float> b)
    {
        var grey = (0.299f * r) + (0.587f * g) + (0.114f * b);
        r = Clamp(grey + ((r - grey) * Saturation));
        g = Clamp(grey + ((g - grey) * Saturation));
        b = Clamp(grey + ((b - grey) * Saturation));
    }

    private static Vector<float> Clamp(Vector<float> v) => Vector.Min(Vector.Max(v, Vector<float>.Zero), new Vector<float>(255));
}
