namespace Tcm.Detect.Heads.Db;

/// <summary>
/// Settings of DBNet's post-processing (heads.md section 2.3; the defaults are those of TCM's ICDAR2015 model). Immutable; safe
/// to share between threads.
/// </summary>
public sealed record DbPostProcessingOptions : PostProcessingOptions
{
    /// <summary>A pixel is text where its probability is greater than this.</summary>
    public float BinaryThreshold { get; init; } = 0.28f;

    /// <summary>Regions whose mean probability is lower are dropped.</summary>
    public float BoxThreshold { get; init; } = 0.2f;

    /// <summary>Quads whose shorter side, in network pixels, is not greater than this are dropped.</summary>
    public float MinSide { get; init; } = 2;

    /// <summary>How far the shrunk kernel is grown back: distance = area * ratio / perimeter.</summary>
    public float UnclipRatio { get; init; } = 1.6f;

    /// <summary>Contours beyond this number (in the order in which they are found) are not looked at.</summary>
    public int MaxCandidates { get; init; } = 3000;

    /// <summary>Whether contours are simplified (Douglas-Peucker) before they are scored and grown.</summary>
    public bool Simplify { get; init; } = true;

    /// <summary>Tolerance of the simplification as a share of the contour's length.</summary>
    public float SimplifyRatio { get; init; } = 0.001f;

    /// <summary>With <see cref="PostProcessingOptions.Polygons"/>: also drop polygons whose smallest rectangle is narrower than
    /// <see cref="MinSide"/>.</summary>
    public bool FilterSmallPolygons { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyList<PostProcessingSetting> Settings => Named;

    private static readonly PostProcessingSetting[] Named =
    [
        Number("threshold", "A pixel is text above this probability.", o => o.BinaryThreshold, 0, 1,
            (o, v) => o with { BinaryThreshold = (float)v }),
        Number("box-threshold", "Regions with a lower score are dropped.", o => o.BoxThreshold, 0, 1,
            (o, v) => o with { BoxThreshold = (float)v }),
        Number("min-side", "Regions narrower than this, in network pixels, are dropped.", o => o.MinSide, 0, 1000,
            (o, v) => o with { MinSide = (float)v }),
        Number("unclip", "How far kernels are grown back: area * X / perimeter.", o => o.UnclipRatio, 0, 10,
            (o, v) => o with { UnclipRatio = (float)v }),
        Number("max-candidates", "Contours beyond this number are not looked at.", o => o.MaxCandidates, 1, 1_000_000,
            (o, v) => o with { MaxCandidates = (int)v }),
        Number("simplify", "Tolerance of contours as a share of their length; 0 keeps all points.", o => o.SimplifyRatio, 0, 1,
            (o, v) => o with { Simplify = v > 0, SimplifyRatio = (float)v }),
        PostProcessingSetting.PolygonsSwitch,
        PostProcessingSetting.Switch("filter-small-polygons", "With --polygons: --min-side applies to them too.",
            (o, on) => (DbPostProcessingOptions)o with { FilterSmallPolygons = on }),
    ];

    /// <inheritdoc/>
    internal override void Validate()
    {
        Require(!float.IsNaN(BinaryThreshold), nameof(BinaryThreshold), BinaryThreshold, "must be a number");
        Require(!float.IsNaN(BoxThreshold), nameof(BoxThreshold), BoxThreshold, "must be a number");
        Require(!float.IsNaN(MinSide), nameof(MinSide), MinSide, "must be a number");
        Require(float.IsFinite(UnclipRatio) && UnclipRatio >= 0, nameof(UnclipRatio), UnclipRatio, "must be finite and not negative");
        Require(MaxCandidates >= 0, nameof(MaxCandidates), MaxCandidates, "must not be negative");
        Require(float.IsFinite(SimplifyRatio) && SimplifyRatio >= 0, nameof(SimplifyRatio), SimplifyRatio,
            "must be finite and not negative");
    }

    private static PostProcessingSetting Number(string name, string description, Func<DbPostProcessingOptions, double> value,
        double least, double most, Func<DbPostProcessingOptions, double, DbPostProcessingOptions> apply) =>
        new(name, description, value(new DbPostProcessingOptions()), least, most, (o, v) => apply((DbPostProcessingOptions)o, v));
}
