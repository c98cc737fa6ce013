namespace Tcm.Detect.Heads.Pan;

/// <summary>
/// Settings of PAN's post-processing (heads.md section 3.3; the defaults are those of TCM's models). Immutable; safe to share
/// between threads.
/// </summary>
public sealed record PanPostProcessingOptions : PostProcessingOptions
{
    /// <summary>A pixel is text where its probability is greater than this.</summary>
    public float TextThreshold { get; init; } = 0.5f;

    /// <summary>A pixel of text belongs to a kernel where its kernel probability is greater than this.</summary>
    public float KernelThreshold { get; init; } = 0.5f;

    /// <summary>
    /// A pixel joins a kernel if its embedding is nearer than this to the kernel's mean. The paper has 6; the reference passes
    /// <see cref="BoxThreshold"/>, and its models are tuned to that.
    /// </summary>
    public float Distance { get; init; } = 0.85f;

    /// <summary>Regions whose mean probability is not greater are dropped.</summary>
    public float BoxThreshold { get; init; } = 0.85f;

    /// <summary>Regions of fewer pixels, at stride 4, are dropped.</summary>
    public int MinArea { get; init; } = 16;

    /// <inheritdoc/>
    public override IReadOnlyList<PostProcessingSetting> Settings => Named;

    private static readonly PostProcessingSetting[] Named =
    [
        Number("threshold", "A pixel is text above this probability.", o => o.TextThreshold, 0, 1,
            (o, v) => o with { TextThreshold = (float)v }),
        Number("kernel-threshold", "A pixel of text is part of a kernel above this probability.", o => o.KernelThreshold, 0, 1,
            (o, v) => o with { KernelThreshold = (float)v }),
        Number("distance", "A pixel joins the kernel whose embedding is nearer than this.", o => o.Distance, 0, 1000,
            (o, v) => o with { Distance = (float)v }),
        Number("box-threshold", "Regions with a lower score are dropped.", o => o.BoxThreshold, 0, 1,
            (o, v) => o with { BoxThreshold = (float)v }),
        Number("min-area", "Regions of fewer pixels, at stride 4, are dropped.", o => o.MinArea, 0, 1_000_000,
            (o, v) => o with { MinArea = (int)v }),
        PostProcessingSetting.PolygonsSwitch,
    ];

    /// <inheritdoc/>
    internal override void Validate()
    {
        Require(TextThreshold is >= 0 and <= 1, nameof(TextThreshold), TextThreshold, "must be between 0 and 1");
        Require(KernelThreshold is >= 0 and <= 1, nameof(KernelThreshold), KernelThreshold, "must be between 0 and 1");
        Require(Distance >= 0, nameof(Distance), Distance, "must not be negative");
        Require(!float.IsNaN(BoxThreshold), nameof(BoxThreshold), BoxThreshold, "must be a number");
        Require(MinArea >= 0, nameof(MinArea), MinArea, "must not be negative");
    }

    private static PostProcessingSetting Number(string name, string description, Func<PanPostProcessingOptions, double> value,
        double least, double most, Func<PanPostProcessingOptions, double, PanPostProcessingOptions> apply) =>
        new(name, description, value(new PanPostProcessingOptions()), least, most, (o, v) => apply((PanPostProcessingOptions)o, v));
}
