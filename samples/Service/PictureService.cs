using System.Diagnostics;
using Microsoft.Extensions.Options;
using Tcm.Detect;
using Tcm.Detect.Heads;

namespace Tcm.Samples.Service;

/// <summary>From a file to its regions, a bounded number of files at a time. Thread-safe.</summary>
internal sealed partial class PictureService(TextDetector detector, IOptions<ServiceOptions> options, RecentMaps recent,
    ILogger<PictureService> log) : IDisposable
{
    private readonly SemaphoreSlim _workers = new(options.Value.Workers);

    public void Dispose() => _workers.Dispose();

    /// <summary>Decodes a picture and finds its text.</summary>
    /// <param name="upload">The file.</param>
    /// <param name="settings">Of post-processing.</param>
    /// <param name="keep">Whether the maps are kept for other settings to be tried.</param>
    /// <param name="cancellation">When the client goes away: looked at between the network's blocks too.</param>
    /// <exception cref="RequestException">The file cannot be used.</exception>
    public async Task<PictureAnswer> DetectAsync(Upload upload, PostProcessingOptions settings, bool keep,
        CancellationToken cancellation)
    {
        byte[] bytes = upload.Bytes ?? throw Uploads.TooManyBytes(options.Value);
        await _workers.WaitAsync(cancellation);
        try
        {
            long start = Stopwatch.GetTimestamp();
            var picture = await Task.Run(() => PictureDecoder.Decode(bytes, options.Value.MaxPixels), cancellation);
            double decode = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            var maps = await detector.AnalyzeAsync(picture, cancellation);
            var result = maps.PostProcess(settings);
            Detected(result.Width, result.Height, result.Regions.Count, decode + result.Timings.Total);
            var answer = new PictureAnswer(upload.Name)
            {
                Width = result.Width,
                Height = result.Height,
                Regions = RegionAnswer.Of(result),
                Milliseconds = TimesAnswer.Of(decode, result.Timings),
            };
            return keep && recent.Add(maps) is { } id ? answer with { Id = id, Maps = Maps(id, maps) } : answer;
        }
        finally
        {
            _workers.Release();
        }
    }

    private static MapsAnswer Maps(string id, DetectionMaps maps)
    {
        var text = maps.TextProbability;
        var language = maps.LanguageScore;
        return new(new($"pictures/{id}/probability.png", text.PictureWidth, text.PictureHeight, 0, 1), language is null ? null
            : MapPicture.Range(language) is var (low, high)
                ? new($"pictures/{id}/language.png", language.PictureWidth, language.PictureHeight, low, high) : null);
    }

    [LoggerMessage(LogLevel.Information, "{Width}x{Height}: {Regions} regions in {Milliseconds:0} ms")]
    private partial void Detected(int width, int height, int regions, double milliseconds);
}
