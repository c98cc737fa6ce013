namespace Tcm.Detect.Training.Augmentation;

/// <summary>Factors of brightness and saturation, in either order.</summary>
internal readonly record struct ColorJitter(float Brightness, float Saturation, bool SaturationFirst)
{
    /// <summary>Changes nothing.</summary>
    public static readonly ColorJitter None = new(1, 1, false);

    /// <summary>Draws factors around 1.</summary>
    public static ColorJitter Draw(AugmentationSection options, ref SeededRandom random) => new(
        (float)random.Range(1 - options.Brightness, 1 + options.Brightness),
        (float)random.Range(1 - options.Saturation, 1 + options.Saturation), random.NextDouble() < 0.5);

    /// <summary>Changes a colour of 0..255 and keeps it there.</summary>
    public void Apply(ref float r, ref float g, ref float b)
    {
        if (SaturationFirst)
        {
            Saturate(ref r, ref g, ref b);
        }
        r = Math.Clamp(r * Brightness, 0, 255);
        g = Math.Clamp(g * Brightness, 0, 255);
        b = Math.Clamp(b * Brightness, 0, 255);
        if (!SaturationFirst)
        {
            Saturate(ref r, ref g, ref b);
        }
    }

    private void Saturate(ref float r, ref float g, ref float b)
    {
        float grey = (0.299f * r) + (0.587f * g) + (0.114f * b);
        r = Math.Clamp(grey + ((r - grey) * Saturation), 0, 255);
        g = Math.Clamp(grey + ((g - grey) * Saturation), 0, 255);
        b = Math.Clamp(grey + ((b - grey) * Saturation), 0, 255);
    }
}
