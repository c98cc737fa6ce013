using Microsoft.Extensions.Configuration;
using Tcm.Kernels;

namespace Tcm.Detect.Hosting;

/// <summary>
/// Reads options from a configuration, without reflection, so that trimmed programs can. Unlike the binder of .NET it refuses names
/// that it does not know: an option that is misspelt shall not be ignored. Thread-safe.
/// </summary>
internal static class HostConfiguration
{
    private static readonly Dictionary<string, Func<DetectorLimits, ConfigurationValue, DetectorLimits>> LimitFields =
        new(StringComparer.OrdinalIgnoreCase)
        {
            [nameof(DetectorLimits.MaxPixels)] = (o, v) => o with { MaxPixels = v.Long() },
            [nameof(DetectorLimits.MaxTensorBytes)] = (o, v) => o with { MaxTensorBytes = v.Long() },
            [nameof(DetectorLimits.MaxHeaderBytes)] = (o, v) => o with { MaxHeaderBytes = v.Whole() },
            [nameof(DetectorLimits.MaxRegions)] = (o, v) => o with { MaxRegions = v.Whole() },
        };

    private static readonly Dictionary<string, Func<TextDetectorOptions, ConfigurationValue, TextDetectorOptions>> DetectorFields =
        new(StringComparer.OrdinalIgnoreCase)
        {
            [nameof(TextDetectorOptions.Device)] = (o, v) => o with { Device = v.Text() },
            [nameof(TextDetectorOptions.Threads)] = (o, v) => o with { Threads = v.Whole() },
            [nameof(TextDetectorOptions.Precision)] = (o, v) => o with { Precision = v.OneOf<Precision>() },
            [nameof(TextDetectorOptions.ShortSide)] = (o, v) => o with { ShortSide = v.Whole() },
            [nameof(TextDetectorOptions.MaxSide)] = (o, v) => o with { MaxSide = v.Whole() },
            [nameof(TextDetectorOptions.Order)] = (o, v) => o with { Order = v.OneOf<RegionOrder>() },
            [nameof(TextDetectorOptions.RecordedSizes)] = (o, v) => o with { RecordedSizes = v.Whole() },
            [nameof(TextDetectorOptions.DeviceComponents)] = (o, v) => o with { DeviceComponents = v.Switch() },
            [nameof(TextDetectorOptions.TextHeads)] = (o, v) => o with { TextHeads = v.Whole() },
            [nameof(TextDetectorOptions.DecoderHeads)] = (o, v) => o with { DecoderHeads = v.Whole() },
            [nameof(TextDetectorOptions.Name)] = (o, v) => o with { Name = v.Text() },
            [nameof(TextDetectorOptions.SlowAfter)] = (o, v) => o with { SlowAfter = v.Duration() },
        };

    private static readonly Dictionary<string, Func<TextDetectorHostOptions, ConfigurationValue, TextDetectorHostOptions>> Fields =
        All();

    /// <summary>Names that a section may have at its top.</summary>
    public static IReadOnlyCollection<string> Names => Fields.Keys;

    /// <summary>Names that <see cref="TextDetectorOptions.Limits"/> may have.</summary>
    public static IReadOnlyCollection<string> LimitNames => LimitFields.Keys;

    /// <summary>
    /// Takes over what a configuration says; what cannot be read is in <see cref="TextDetectorHostOptions.Unreadable"/>.
    /// </summary>
    public static void Apply(IConfiguration configuration, TextDetectorHostOptions options)
    {
        var values = configuration.GetChildren().Select(c => new ConfigurationValue(c));
        ConfigurationValue.Fields(values, Fields, options, options.Unreadable);
    }

    private static Dictionary<string, Func<TextDetectorHostOptions, ConfigurationValue, TextDetectorHostOptions>> All()
    {
        var all = new Dictionary<string, Func<TextDetectorHostOptions, ConfigurationValue, TextDetectorHostOptions>>(
            StringComparer.OrdinalIgnoreCase)
        {
            [nameof(TextDetectorHostOptions.Weights)] = Set((o, v) => o.Weights = v.Text()),
            [nameof(TextDetectorHostOptions.LoadOnStart)] = Set((o, v) => o.LoadOnStart = v.Switch()),
            [nameof(TextDetectorHostOptions.WarmUpSizes)] = Set((o, v) => o.WarmUpSizes = v.Sizes()),
            [nameof(TextDetectorOptions.Limits)] = Set((o, v) => o.Detector = o.Detector with
            {
                Limits = v.Fields(LimitFields, o.Detector.Limits, o.Unreadable),
            }),
            [nameof(TextDetectorOptions.PostProcessingSettings)] = Set((o, v) => o.Detector = o.Detector with
            {
                PostProcessingSettings = Settings(o.Detector.PostProcessingSettings, v, o.Unreadable),
            }),
        };
        foreach (var (name, read) in DetectorFields)
        {
            all.Add(name, Set((o, v) => o.Detector = read(o.Detector, v)));
        }
        return all;
    }

    private static Func<TextDetectorHostOptions, ConfigurationValue, TextDetectorHostOptions> Set(
        Action<TextDetectorHostOptions, ConfigurationValue> set) => (options, value) =>
        {
            set(options, value);
            return options;
        };

    private static Dictionary<string, double> Settings(IReadOnlyDictionary<string, double> before, ConfigurationValue section,
        List<string> errors)
    {
        var settings = new Dictionary<string, double>(before);
        foreach (var value in section.Children)
        {
            try
            {
                settings[value.Name] = value.Number();
            }
            catch (OptionException e)
            {
                errors.Add(e.Message);
            }
        }
        return settings;
    }
}
