using Microsoft.Extensions.Options;
using Tcm.Detect.Heads;
using Tcm.Kernels;

namespace Tcm.Detect.Hosting;

/// <summary>Checks all that can be known before the weights are read. Thread-safe.</summary>
internal sealed class HostOptionsValidation : IValidateOptions<TextDetectorHostOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, TextDetectorHostOptions options)
    {
        List<string> errors = [.. options.Unreadable];
        if (options.Weights is not null && string.IsNullOrWhiteSpace(options.Weights))
        {
            errors.Add($"{nameof(TextDetectorHostOptions)}.{nameof(options.Weights)} is empty: expected a path, or null for the shipped "
                + "model");
        }
        if (options.Weights is not null && options.OpenWeights is not null)
        {
            errors.Add($"{nameof(TextDetectorHostOptions)} has both {nameof(options.Weights)} and {nameof(options.OpenWeights)}");
        }
        if (options.Detector is null)
        {
            errors.Add($"{nameof(TextDetectorHostOptions)}.{nameof(options.Detector)} = null: must not be null");
        }
        else
        {
            CheckDetector(options, errors);
        }
        return errors.Count == 0
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(string.IsNullOrEmpty(name) ? errors : errors.Select(e => $"text detector '{name}': {e}"));
    }

    private static void CheckDetector(TextDetectorHostOptions options, List<string> errors)
    {
        try
        {
            options.Detector.Validate();
            foreach (var (width, height) in options.WarmUpSizes ?? [])
            {
                OptionException.Require(width > 0 && height > 0, $"{nameof(TextDetectorHostOptions)}.{nameof(options.WarmUpSizes)}",
                    $"{width}x{height}", "is no size of a picture");
                options.Detector.Limits.CheckPicture(width, height);
            }
            // Which of them the model has is known when it is loaded.
            string[] known = [.. PostProcessingOptions.Known().Select(k => k.Setting.Name)];
            foreach (var (setting, value) in options.Detector.PostProcessingSettings)
            {
                OptionException.Require(known.Contains(setting),
                    $"{nameof(TextDetectorOptions)}.{nameof(TextDetectorOptions.PostProcessingSettings)}:{setting}", value,
                    $"is no setting of any model; there are {string.Join(", ", known)}");
            }
        }
        catch (TcmException e)
        {
            errors.Add(e.Message);
        }
    }
}
