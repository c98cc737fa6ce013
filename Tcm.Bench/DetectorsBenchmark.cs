using System.CommandLine;
using System.Globalization;
using Tcm.Cli.Images;
using Tcm.Detect;
using Tcm.Detect.Datasets;
using Tcm.Detect.Evaluation;
using Tcm.Detect.Heads.Db;
using Tcm.Detect.Preprocessing;

namespace Tcm.Bench;

/// <summary>
/// <c>detectors</c>: the shipped model beside other detectors run by ONNX Runtime, on the same labelled photographs, at the
/// same size, picture by picture in turns: time and F-measure of each.
/// </summary>
internal static class DetectorsBenchmark
{
    private const int WarmUp = 3;

    public static Command Create()
    {
        var weights = new Option<string>("--weights") { DefaultValueFactory = _ => "weights/tcm-db-s.safetensors" };
        var peers = new Option<string[]>("--peer")
        {
            Description = "PaddleOCR detectors, .onnx.",
            DefaultValueFactory = _ => [],
            AllowMultipleArgumentsPerToken = true,
        };
        var dataset = new Option<string>("--dataset") { DefaultValueFactory = _ => "icdar2015" };
        var labels = new Option<string>("--labels") { Required = true };
        var images = new Option<string>("--images") { Required = true };
        var select = new Option<string>("--select") { DefaultValueFactory = _ => "last:100" };
        var shortSide = new Option<int>("--short-side") { DefaultValueFactory = _ => 736, Description = "For all detectors." };
        var command = new Command("detectors", "Time and F-measure of the shipped model beside other detectors.")
        {
            weights, peers, dataset, labels, images, select, shortSide, BenchOptions.Threads, BenchOptions.Json,
        };
        command.SetAction(parsed => Run(parsed.GetValue(weights)!, parsed.GetValue(peers)!,
            DatasetReader.Read(parsed.GetValue(dataset)!, parsed.GetValue(labels)!, parsed.GetValue(images), parsed.GetValue(select)!),
            parsed.GetValue(shortSide), parsed.GetValue(BenchOptions.Threads), parsed.GetValue(BenchOptions.Json)));
        return command;
    }

    private static int Run(string weights, string[] peers, IReadOnlyList<AnnotatedImage> pictures, int shortSide, int threads,
        FileInfo? json)
    {
        var options = new TextDetectorOptions { ShortSide = shortSide, Threads = threads };
        var policy = new ResizePolicy(options.MaxSide, shortSide);
        using var ours = TextDetector.Load(weights, options);
        // The best of the evaluation's thresholds counts, so that regions of low score are kept; growth as PaddleOCR has it.
        var settings = new DbPostProcessingOptions { BinaryThreshold = 0.3f, BoxThreshold = 0.2f, UnclipRatio = 1.5f };
        var others = peers.Select(p => new OnnxDetector(p, threads, settings, OnnxColours.Paddle)).ToList();
        var detectors = new List<Entry> { new(Path.GetFileNameWithoutExtension(weights), image => ours.Detect(image)) };
        detectors.AddRange(others.Select((o, i) => new Entry(Path.GetFileNameWithoutExtension(peers[i]), image => o.Detect(image, policy))));
        try
        {
            for (int i = 0; i < pictures.Count; i++)
            {
                var image = ImageFile.Read(pictures[i].ImagePath!);
                for (int round = i == 0 ? -WarmUp : 0; round <= 0; round++)
                {
                    foreach (var detector in detectors)
                    {
                        detector.Add(detector.Detect(image), keep: round == 0);
                    }
                }
            }
        }
        finally
        {
            others.ForEach(o => o.Dispose());
        }
        var rows = detectors.ConvertAll(d => d.Row(pictures, detectors[0]));
        Console.WriteLine($"{"",-28} {"network ms",10} {"whole ms",10} {"time/ours",10} {"precision",10} {"recall",8} {"hmean",8} {"at",5}");
        foreach (var r in rows)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{r.Detector,-28} {r.NetworkMilliseconds,10:F1} "
                + $"{r.Milliseconds,10:F1} {r.TimeOverOurs,10:F2} {r.Precision,10:F3} {r.Recall,8:F3} {r.Hmean,8:F3} {r.Threshold,5:F1}"));
        }
        BenchOutput.WriteJson(json, new { pictures = pictures.Count, shortSide, rows });
        return 0;
    }

    /// <summary>Medians over the pictures; the whole is preparation, network and post-processing, without decoding.</summary>
    private sealed record Row(string Detector, double NetworkMilliseconds, double Milliseconds, double TimeOverOurs, double Precision,
        double Recall, double Hmean, double? Threshold);

    private sealed class Entry(string name, Func<ImageBuffer, DetectionResult> detect)
    {
        private readonly List<double> _network = [], _whole = [];
        private readonly List<IReadOnlyList<Detection>> _detections = [];

        public Func<ImageBuffer, DetectionResult> Detect { get; } = detect;

        public void Add(DetectionResult result, bool keep)
        {
            if (keep)
            {
                _network.Add(result.Timings.Network);
                _whole.Add(result.Timings.Preprocess + result.Timings.Network + result.Timings.Postprocess);
                _detections.Add([.. result.Regions.Select(r => new Detection(r.Polygon, r.Score))]);
            }
        }

        public Row Row(IReadOnlyList<AnnotatedImage> pictures, Entry ours)
        {
            var result = HmeanIou.BestOverThresholds(pictures, _detections);
            // Pair by pair: a neighbour on the machine slows both of a pair.
            return new Row(name, Median(_network), Median(_whole), Median([.. _whole.Zip(ours._whole, (a, b) => a / b)]), result.Precision,
                result.Recall, result.Hmean, result.Threshold);
        }

        private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
    }
}
