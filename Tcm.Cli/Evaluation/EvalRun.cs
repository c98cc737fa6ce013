using System.Globalization;
using Tcm.Cli.Images;
using Tcm.Cli.Output;
using Tcm.Detect.Datasets;
using Tcm.Detect.Evaluation;

namespace Tcm.Cli.Evaluation;

/// <summary>
/// One run of <c>tcm eval</c>: detections of a model or of files, judged, reported, drawn. Outputs are opened first, so that one
/// that cannot be written does not cost a long run.
/// </summary>
internal sealed class EvalRun : IDisposable
{
    private const int WarmUpPictures = 5;
    private const string StandardOutput = "-";

    private readonly CliHost _host;
    private readonly AtomicFile? _json;
    private readonly MistakePainter? _painter;
    private readonly bool _jsonToOutput;

    /// <summary>Opens the outputs.</summary>
    /// <param name="host">Receives the report.</param>
    /// <param name="json">Where JSON goes, <c>-</c> for standard output, or null.</param>
    /// <param name="mistakesFolder">Where pictures of mistakes go, or null.</param>
    /// <exception cref="OutputException">One cannot be written.</exception>
    public EvalRun(CliHost host, string? json, string? mistakesFolder)
    {
        _host = host;
        _jsonToOutput = json == StandardOutput;
        _painter = mistakesFolder is null ? null : new MistakePainter(mistakesFolder);
        _json = json is null or StandardOutput ? null : new AtomicFile(json);
    }

    /// <summary>The labels, with pictures where a model runs.</summary>
    public required IReadOnlyList<AnnotatedImage> Pictures { get; init; }

    /// <summary>Judges detections from files.</summary>
    /// <param name="predictions">Folder or zip.</param>
    /// <param name="partial">Whether the pictures are a part of the dataset.</param>
    public int Judge(string predictions, bool partial)
    {
        var detections = PredictionReader.Read(predictions, Pictures, partial);
        bool scored = detections.SelectMany(d => d).All(d => d.Score is not null);
        var result = scored ? HmeanIou.BestOverThresholds(Pictures, detections) : HmeanIou.OfFixedSet(Pictures, detections);
        Report(result, null);
        return ExitCode.Success;
    }

    /// <summary>Runs a model over the pictures and judges what it finds.</summary>
    public int Execute(Func<IPictureDetector> open, CancellationToken cancellation)
    {
        using var detector = open();
        var detections = new List<IReadOnlyList<Detection>>();
        var milliseconds = new List<double>();
        foreach (var picture in Pictures)
        {
            var result = detector.Detect(ImageFile.Read(picture.ImagePath!), cancellation);
            detections.Add([.. result.Regions.Select(r => new Detection(r.Polygon, r.Score))]);
            milliseconds.Add(result.Timings.Network + result.Timings.Postprocess);
            if (_host.Interactive)
            {
                _host.Error.Write($"\r{detections.Count}/{Pictures.Count} {picture.Name}\x1b[K");
            }
        }
        if (_host.Interactive)
        {
            _host.Error.Write("\r\x1b[K");
        }
        // The first pictures pay for memory and compilation.
        var counted = milliseconds.Count > 2 * WarmUpPictures ? milliseconds.Skip(WarmUpPictures) : milliseconds;
        Report(HmeanIou.BestOverThresholds(Pictures, detections), 1000 / counted.Average());
        return ExitCode.Success;
    }

    private void Report(EvaluationResult result, double? framesPerSecond)
    {
        string threshold = result.Threshold is { } t ? t.ToString("F1", CultureInfo.InvariantCulture) : "fixed set";
        string speed = framesPerSecond is { } fps
            ? string.Create(CultureInfo.InvariantCulture, $"  {fps:F2} pictures/s (network and post-processing)") : "";
        string line = string.Create(CultureInfo.InvariantCulture,
            $"precision {result.Precision:F4}  recall {result.Recall:F4}  hmean {result.Hmean:F4}  at {threshold}  "
            + $"({result.Matched} of {result.CareGroundTruths} texts, {result.CareDetections} detections, {Pictures.Count} pictures){speed}");
        (_jsonToOutput ? _host.Error : _host.Output).WriteLine(line);
        if (_jsonToOutput)
        {
            _host.OutputStream.Write(EvaluationJson.Encode(result, framesPerSecond));
        }
        if (_json is not null)
        {
            _json.Write(EvaluationJson.Encode(result, framesPerSecond));
            _json.Commit();
        }
        _painter?.Paint(Pictures, result);
    }

    /// <inheritdoc/>
    public void Dispose() => _json?.Dispose();
}
