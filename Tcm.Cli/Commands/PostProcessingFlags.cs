using System.CommandLine;
using System.Globalization;
using Tcm.Detect.Heads;

namespace Tcm.Cli.Commands;

/// <summary>
/// The settings of post-processing as options, for all detectors alike: which of them a model knows is seen when its file is
/// open.
/// </summary>
internal sealed class PostProcessingFlags
{
    private readonly List<(string Name, Option<float?> Option)> _numbers = [];
    private readonly List<(string Name, Option<bool> Option)> _switches = [];

    /// <summary>Makes the options.</summary>
    public PostProcessingFlags()
    {
        foreach (var (setting, heads) in PostProcessingOptions.Known())
        {
            if (setting.IsSwitch)
            {
                _switches.Add((setting.Name, new Option<bool>("--" + setting.Name) { Description = setting.Description }));
                continue;
            }
            string defaults = string.Join(", ", heads.Select(h => string.Create(CultureInfo.InvariantCulture, $"{h.Head} {h.Default:G6}")));
            _numbers.Add((setting.Name, ModelOptions.OptionalReal("--" + setting.Name, $"{setting.Description} [default: {defaults}]",
                setting.Least, setting.Most)));
        }
    }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        _numbers.ForEach(n => command.Add(n.Option));
        _switches.ForEach(s => command.Add(s.Option));
    }

    /// <summary>The settings that were given.</summary>
    public IReadOnlyDictionary<string, double> Read(ParseResult parsed)
    {
        var given = new Dictionary<string, double>();
        foreach (var (name, option) in _numbers)
        {
            if (parsed.GetValue(option) is { } value)
            {
                given.Add(name, value);
            }
        }
        foreach (var (name, _) in _switches.Where(s => parsed.GetValue(s.Option)))
        {
            given.Add(name, 1);
        }
        return given;
    }
}
