namespace Tcm.Detect.Heads.Fce;

/// <summary>Texts of which size a level learns: those whose longer side of the upright box, as a share of the picture's height,
/// lies between the two bounds, neither included.</summary>
internal readonly record struct SizeRange(double Least, double Most)
{
    public bool Contains(double proportion) => Least < proportion && proportion < Most;
}

/// <summary>Numbers of FCENet's target maps; the defaults are the paper's for ICDAR2015.</summary>
internal sealed record FceTargetOptions
{
    /// <summary>The paper's for ICDAR2015.</summary>
    public static FceTargetOptions Default { get; } = new();

    /// <summary>The paper's for CTW1500 and Total-Text.</summary>
    public static FceTargetOptions Curved { get; } = new() { Sizes = [new(0, 0.25), new(0.2, 0.65), new(0.55, 1)] };

    /// <summary>What each level learns, fine to coarse.</summary>
    public IReadOnlyList<SizeRange> Sizes { get; init; } = [new(0, 0.4), new(0.3, 0.7), new(0.6, 1)];

    /// <summary>Distance of the points at which side lines are taken, pixels of the level.</summary>
    public double Step { get; init; } = 4;

    /// <summary>Share of the way from the centre line to a side line that the centre region covers.</summary>
    public double CenterShare { get; init; } = 0.3;
}
