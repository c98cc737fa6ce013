namespace Tcm.Detect.Heads.Db;

/// <summary>Numbers of DBNet's target maps; the defaults are the paper's.</summary>
internal sealed record DbTargetOptions
{
    /// <summary>The paper's.</summary>
    public static DbTargetOptions Default { get; } = new();

    /// <summary>r: outlines move by area * (1 - r^2) / perimeter, inwards for the kernel and both ways for the border.</summary>
    public double ShrinkRatio { get; init; } = 0.4;

    /// <summary>Threshold away from outlines.</summary>
    public double ThresholdMin { get; init; } = 0.3;

    /// <summary>Threshold on outlines.</summary>
    public double ThresholdMax { get; init; } = 0.7;

    /// <summary>Texts with a shorter side of the least rectangle around them, in pixels, are ignored.</summary>
    public double MinShortSide { get; init; } = 8;
}
