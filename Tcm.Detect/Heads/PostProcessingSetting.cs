namespace Tcm.Detect.Heads;

/// <summary>A setting of post-processing that can be given by name. Immutable; safe to share between threads.</summary>
/// <param name="Name">Lower case with hyphens, as on the command line.</param>
/// <param name="Description">One sentence.</param>
/// <param name="Default">Its value unless given.</param>
/// <param name="Least">Smallest value.</param>
/// <param name="Most">Largest value.</param>
/// <param name="Apply">Returns options with the value.</param>
public sealed record PostProcessingSetting(string Name, string Description, double Default, double Least, double Most,
    Func<PostProcessingOptions, double, PostProcessingOptions> Apply)
{
    /// <summary>The switch that every detector has.</summary>
    public static PostProcessingSetting PolygonsSwitch { get; } = Switch("polygons", "Polygons that follow the text instead of quads.",
        (options, on) => options with { Polygons = on });

    /// <summary>Whether it is either on or off.</summary>
    public bool IsSwitch { get; private init; }

    /// <summary>A setting that is on or off, off unless given.</summary>
    /// <param name="name">As above.</param>
    /// <param name="description">As above.</param>
    /// <param name="apply">Returns options with the switch on or off.</param>
    public static PostProcessingSetting Switch(string name, string description,
        Func<PostProcessingOptions, bool, PostProcessingOptions> apply) =>
        new(name, description, 0, 0, 1, (options, value) => apply(options, value != 0)) { IsSwitch = true };
}
