namespace Tcm.Detect.Heads.Fce;

/// <summary>
/// Settings of FCENet's post-processing (heads.md section 4.3; the defaults are those of TCM's ICDAR2015 model). Immutable; safe
/// to share between threads.
/// </summary>
public sealed record FcePostProcessingOptions : PostProcessingOptions
{
    /// <summary>A pixel is text where its score is greater than this.</summary>
    public float Threshold { get; init; } = 0.3f;

    /// <summary>Exponent alpha of the text region's probability in the score.</summary>
    public float RegionPower { get; init; } = 1.2f;

    /// <summary>Exponent beta of the centre line's probability in the score.</summary>
    public float CenterPower { get; init; } = 1;

    /// <summary>Of two contours whose intersection over union is greater than this, the better one stays.</summary>
    public double Overlap { get; init; } = 0.1;

    /// <summary>Points of a contour.</summary>
    public int Points { get; init; } = 50;

    /// <inheritdoc/>
    public override IReadOnlyList<PostProcessingSetting> Settings => Named;

    private static readonly PostProcessingSetting[] Named =
    [
        Number("threshold", "A pixel is text above this probability.", o => o.Threshold, 0, 1,
            (o, v) => o with { Threshold = (float)v }),
        Number("region-power", "Exponent of the text region's probability in the score of a pixel.", o => o.RegionPower, 0, 10,
            (o, v) => o with { RegionPower = (float)v }),
        Number("center-power", "Exponent of the centre line's probability in the score of a pixel.", o => o.CenterPower, 0, 10,
            (o, v) => o with { CenterPower = (float)v }),
        Number("overlap", "Of regions that overlap more (intersection over union), the best stays.", o => o.Overlap, 0, 1,
            (o, v) => o with { Overlap = v }),
        Number("points", "Points of an outline.", o => o.Points, 4, 1000, (o, v) => o with { Points = (int)v }),
        PostProcessingSetting.PolygonsSwitch,
    ];

    /// <inheritdoc/>
    internal override void Validate()
    {
        Require(Threshold >= 0, nameof(Threshold), Threshold, "must not be negative");
        Require(float.IsFinite(RegionPower), nameof(RegionPower), RegionPower, "must be finite");
        Require(float.IsFinite(CenterPower), nameof(CenterPower), CenterPower, "must be finite");
        Require(Overlap >= 0, nameof(Overlap), Overlap, "must not be negative");
        Require(Points is >= 4 and <= 1 << 16, nameof(Points), Points, "must be between 4 and 65536");
    }

    private static PostProcessingSetting Number(string name, string description, Func<FcePostProcessingOptions, double> value,
        double least, double most, Func<FcePostProcessingOptions, double, FcePostProcessingOptions> apply) =>
        new(name, description, value(new FcePostProcessingOptions()), least, most, (o, v) => apply((FcePostProcessingOptions)o, v));
}
