namespace Tcm.Detect.Heads;

/// <summary>
/// Settings of post-processing; each detector has a subclass of its own. Immutable; safe to share between threads.
/// </summary>
public abstract record PostProcessingOptions
{
    // Only Tcm derives from it, so that members can be added.
    private protected PostProcessingOptions() { }

    /// <summary>Polygons that follow the text instead of quads.</summary>
    public bool Polygons { get; init; }

    /// <summary>The settings that can be given by name, as on a command line.</summary>
    public abstract IReadOnlyList<PostProcessingSetting> Settings { get; }

    /// <summary>A copy with settings of other values.</summary>
    /// <param name="values">By <see cref="PostProcessingSetting.Name"/>; a switch is on unless its value is 0.</param>
    /// <exception cref="OptionException">A name that this detector does not know, or a value out of range.</exception>
    public PostProcessingOptions With(IReadOnlyDictionary<string, double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return With(values, HeadRegistry.All.First(m => m.PostProcessing.GetType() == GetType()).Name);
    }

    /// <summary>A copy with settings of other values.</summary>
    /// <param name="values">By <see cref="PostProcessingSetting.Name"/>; a switch is on unless its value is 0.</param>
    /// <param name="method">The detector's name, for messages.</param>
    /// <exception cref="OptionException">A name that this detector does not know, or a value out of range.</exception>
    internal PostProcessingOptions With(IReadOnlyDictionary<string, double> values, string method)
    {
        var result = this;
        foreach (var (name, value) in values)
        {
            var setting = Settings.FirstOrDefault(s => s.Name == name) ?? throw new OptionException(name, value,
                $"'{name}' is no setting of a {method} model; it has {string.Join(", ", Settings.Select(s => s.Name))}");
            if (!(value >= setting.Least && value <= setting.Most))
            {
                throw new OptionException(name, value, $"'{name}' must be between {setting.Least} and {setting.Most}, not {value}");
            }
            result = setting.Apply(result, value);
        }
        return result;
    }

    /// <summary>Throws unless every setting makes sense.</summary>
    /// <exception cref="OptionException">One does not.</exception>
    internal abstract void Validate();

    /// <summary>For <see cref="Validate"/>: throws unless the condition holds.</summary>
    private protected void Require(bool condition, string option, object? value, string reason) =>
        OptionException.Require(condition, $"{GetType().Name}.{option}", value, reason);

    /// <summary>The settings of all detectors, each name once, with the detectors that have it and their defaults.</summary>
    public static IReadOnlyList<(PostProcessingSetting Setting, IReadOnlyList<(string Head, double Default)> Heads)> Known() =>
        [.. HeadRegistry.All.SelectMany(m => m.PostProcessing.Settings, (m, s) => (Method: m.Name, Setting: s))
            .GroupBy(p => p.Setting.Name)
            .Select(g => (g.First().Setting, (IReadOnlyList<(string, double)>)[.. g.Select(p => (p.Method, p.Setting.Default))]))];
}
