using System.Globalization;
using Tcm.Cli.Images;
using Tcm.Detect.Datasets;
using Tcm.Detect.Evaluation;

namespace Tcm.Cli.Evaluation;

/// <summary>One run of <c>tcm eval</c>: detections of a model or of files, judged, reported, drawn.</summary>
internal sealed class EvalRun(CliHost host)
{
    private const int WarmUpPictures = 5;

    /// <summary>The labels, with pictures where a model runs.</summary>
    public required IReadOnlyList<AnnotatedImage> Pictures { get; init; }

    /// <summary>Where JSON goes, or null.</summary>
    public string? Json { get; init; }

    /// <summary>Where pictures of mistakes go, or null.</summary>
    public string? MistakesFolder { get; init; }

    /// <summary>Judges detections from files.</summary>
    public int Judge(string predictions)
    {
        var detections = PredictionReader.Read(predictions, Pictures);
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
            if (host.Interactive)
            {
                host.Error.Write($"\r{detections.Count}/{Pictures.Count} {picture.Name}\x1b[K");
            }
        }
        if (host.Interactive)
        {
            host.Error.Write("\r\x1b[K");
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
        (Json == "-" ? host.Error : host.Output).WriteLine(line);
        if (Json is not null)
        {
            EvaluationJson.Write(Json, host.OutputStream, result, framesPerSecond);
        }
        if (MistakesFolder is not null)
        {
            new MistakePainter(MistakesFolder).Paint(Pictures, result);
        }
    }
}
