using System.Diagnostics;
using Tcm.Detect.Heads;
using Tcm.Detect.Pipeline;
using Tcm.Detect.Preprocessing;

namespace Tcm.Detect;

/// <summary>
/// What the network says of one picture, from <see cref="TextDetector.Analyze"/>: to be looked at, and to try other settings of
/// post-processing on in milliseconds, without another pass of the network. Immutable; safe to share between threads, each of which gets
/// the result that it would get alone. Lives in managed memory alone (for DB 4 bytes a pixel of the network's input) and goes on working
/// when the detector is disposed.
/// </summary>
public sealed class DetectionMaps
{
    private readonly DetectionMethod _method;
    private readonly TextDetectorOptions _options;
    private readonly float[] _maps;
    private readonly Lazy<MapPlane> _probability;

    internal DetectionMaps(DetectionMethod method, TextDetectorOptions options, PostProcessingOptions settings, float[] maps,
        float[]? score, int width, int height, NetworkSize size, DetectionTimings timings)
    {
        _method = method;
        _options = options;
        _maps = maps;
        _probability = new(() => method.TextProbability(_maps, size));
        Width = width;
        Height = height;
        NetworkSize = size;
        Timings = timings;
        PostProcessing = settings;
        LanguageScore = score is null ? null : new MapPlane(score, size, ScoreStride);
    }

    /// <summary>Network pixels per value of the score map: the stride of the backbone's last stage.</summary>
    internal const int ScoreStride = 32;

    /// <summary>Columns of the picture.</summary>
    public int Width { get; }

    /// <summary>Rows of the picture.</summary>
    public int Height { get; }

    /// <summary>The size after the resize, before and after padding, and the two scale factors.</summary>
    public NetworkSize NetworkSize { get; }

    /// <summary>How long preprocessing and network took; post-processing has not happened.</summary>
    public DetectionTimings Timings { get; }

    /// <summary>The detector's settings of post-processing. Others begin with them: by <c>with</c>, or by name with <see
    /// cref="PostProcessingOptions.With(IReadOnlyDictionary{string, double})"/>.</summary>
    public PostProcessingOptions PostProcessing { get; }

    /// <summary>
    /// How likely each place is text, 0 to 1. DB: the probability map, at stride 1, of texts shrunk; what post-processing reads. PAN: the
    /// probability of texts at stride 4. FCE: that of text regions at stride 8, the greatest of the three levels. Computed at
    /// the first call.
    /// </summary>
    public MapPlane TextProbability => _probability.Value;

    /// <summary>
    /// The instance-language score map S at stride 32: the cosine between the embedding of each place and that of the word "text"
    /// (with the learned scale, if the model has one). Null for a model without text branch.
    /// </summary>
    public MapPlane? LanguageScore { get; }

    /// <summary>The regions with the detector's own settings: the bits that <see cref="TextDetector.Detect(ImageBuffer,
    /// CancellationToken)"/> gives.</summary>
    public DetectionResult PostProcess() => PostProcess(PostProcessing);

    /// <summary>The regions with other settings.</summary>
    /// <param name="settings">Of the type of <see cref="PostProcessing"/>.</param>
    /// <returns>Regions in pixels of the picture, in the order and within the limits of the detector's options, with the timings of
    /// the analysis and of this call.</returns>
    /// <exception cref="OptionException">A setting makes no sense, or belongs to another head.</exception>
    public DetectionResult PostProcess(PostProcessingOptions settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        OptionException.Require(settings.GetType() == PostProcessing.GetType(), nameof(settings), settings.GetType().Name,
            $"does not fit a {_method.Name} model, which has {PostProcessing.GetType().Name}");
        settings.Validate();
        long start = Stopwatch.GetTimestamp();
        var found = _method.CreateExtractor(settings)(_maps, NetworkSize);
        return DetectorStages.Result(found, Width, Height, NetworkSize, _options, Timings, start);
    }
}
