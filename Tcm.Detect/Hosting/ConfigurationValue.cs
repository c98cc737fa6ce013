using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Tcm.Detect.Hosting;

/// <summary>One value of a configuration, with messages that name its path. Immutable; safe to share between threads.</summary>
/// <param name="section">The value, or the section of values.</param>
internal sealed class ConfigurationValue(IConfigurationSection section)
{
    /// <summary>Its last part.</summary>
    public string Name => section.Key;

    /// <summary>Values below it.</summary>
    public IEnumerable<ConfigurationValue> Children => section.GetChildren().Select(c => new ConfigurationValue(c));

    /// <summary>Whether it is given as null.</summary>
    public bool IsNull => section.Value is null && !section.GetChildren().Any();

    public string Text() => string.IsNullOrWhiteSpace(section.Value) ? throw Bad("expected a text") : section.Value.Trim();

    public int Whole() => int.TryParse(section.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value)
        ? value
        : throw Bad("expected a whole number");

    public long Long() => long.TryParse(section.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
        ? value
        : throw Bad("expected a whole number");

    public bool Switch() => bool.TryParse(section.Value, out bool value) ? value : throw Bad("expected true or false");

    /// <summary>A number; true is 1 and false is 0.</summary>
    public double Number() => bool.TryParse(section.Value, out bool on) ? (on ? 1 : 0)
        : double.TryParse(section.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value
        : throw Bad("expected a number, true or false");

    // Without the colon a number would be days.
    public TimeSpan Duration() => section.Value?.Contains(':') == true
        && TimeSpan.TryParse(section.Value, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw Bad("expected hours:minutes:seconds");

    public T OneOf<T>() where T : struct, Enum => Enum.GetNames<T>().Contains(section.Value, StringComparer.OrdinalIgnoreCase)
        ? Enum.Parse<T>(section.Value!, ignoreCase: true)
        : throw Bad($"expected {string.Join(", ", Enum.GetNames<T>())}");

    /// <summary>Sizes such as 1280x720: a list of them, or one text with commas; an empty one for none.</summary>
    public IReadOnlyList<(int Width, int Height)> Sizes()
    {
        if (section.Value is null)
        {
            return [.. Children.SelectMany(c => c.Sizes())];
        }
        return [.. section.Value.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Size)];
    }

    /// <summary>Values below it, each by a reader of that name.</summary>
    /// <param name="readers">Names are compared without case.</param>
    /// <param name="start">What the first one gets.</param>
    /// <param name="errors">Receives what cannot be read.</param>
    public T Fields<T>(IReadOnlyDictionary<string, Func<T, ConfigurationValue, T>> readers, T start, ICollection<string> errors)
    {
        if (!string.IsNullOrEmpty(section.Value))
        {
            errors.Add(Bad("expected a section").Message);
        }
        return Fields(Children, readers, start, errors);
    }

    /// <summary>As above, of a whole configuration.</summary>
    public static T Fields<T>(IEnumerable<ConfigurationValue> values,
        IReadOnlyDictionary<string, Func<T, ConfigurationValue, T>> readers, T start, ICollection<string> errors)
    {
        var result = start;
        foreach (var value in values)
        {
            try
            {
                var read = readers.GetValueOrDefault(value.Name)
                    ?? throw value.Bad($"is no option; there are {string.Join(", ", readers.Keys)}");
                // As if it were not there.
                result = value.IsNull ? result : read(result, value);
            }
            catch (OptionException e)
            {
                errors.Add(e.Message);
            }
        }
        return result;
    }

    public OptionException Bad(string reason) =>
        new(section.Path, section.Value, $"{section.Path} = {section.Value ?? (IsNull ? "null" : "(a section)")}: {reason}");

    private (int Width, int Height) Size(string text)
    {
        string[] parts = text.Trim().ToLowerInvariant().Split('x');
        return parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int width)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int height)
                ? (width, height)
                : throw Bad("expected sizes such as 1280x720");
    }
}
