using System.CommandLine;
using Tcm.Cli.Evaluation;
using Tcm.Detect;
using Tcm.Detect.Datasets;

namespace Tcm.Cli.Commands;

/// <summary><c>tcm eval</c>: options here, the work in <see cref="EvalRun"/>.</summary>
internal static class EvalCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliHost host)
    {
        var sizes = new TextDetectorOptions();
        var dataset = new Option<string>("--dataset")
        {
            Description = $"Form of the labels: {string.Join(", ", DatasetReader.Names)}.",
            Required = true,
        };
        var labels = new Option<string>("--labels") { Description = "Folder or zip of the labels.", HelpName = "DIR|ZIP", Required = true };
        var images = new Option<string?>("--images") { Description = "Folder of the pictures.", HelpName = "DIR" };
        var select = new Option<string>("--select")
        {
            Description = "Part of the dataset in name order: all, first:N, last:N, or -last:N for all but the last N.",
            DefaultValueFactory = _ => DatasetReader.All,
        };
        var predictions = new Option<string?>("--predictions")
        {
            Description = "Judge these res_NAME.txt files instead of a model; without scores as the official ICDAR2015 form does.",
            HelpName = "DIR|ZIP",
        };
        var model = new ModelOptions();
        var shortSide = ModelOptions.Number("--short-side", "Pictures are resized to this shorter side ...", sizes.ShortSide, 32, 16384);
        var maxSide = ModelOptions.Number("--max-side", "... unless the longer one would exceed this.", sizes.MaxSide, 32, 16384);
        var postProcessing = new PostProcessingFlags();
        var json = new Option<string?>("--json") { Description = "Write the result to a file, or to standard output with '-'.", HelpName = "FILE|-" };
        var mistakes = new Option<string?>("--mistakes")
        {
            Description = "Draw pictures with hits green, false positives red, misses orange, ignored grey.",
            HelpName = "FOLDER",
        };
        var command = new Command("eval", """
            Measure a model, or given detections, on a labelled dataset (hmean-iou).

            Examples:
              tcm eval --dataset icdar2015 --labels gts --images photos --weights model.safetensors
              tcm eval --dataset icdar2015 --labels gt.zip --predictions submit.zip --json result.json
            """)
        {
            dataset, labels, images, select, predictions, shortSide, maxSide, json, mistakes,
        };
        model.AddTo(command);
        postProcessing.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            string? folder = parsed.GetValue(images), given = parsed.GetValue(predictions);
            string name = parsed.GetValue(dataset)!, part = parsed.GetValue(select)!;
            Check(name, folder, given, parsed.GetValue(mistakes), model.NamesWeights(parsed));
            var pictures = DatasetReader.Read(name, parsed.GetValue(labels)!, folder, part);
            using var run = new EvalRun(host, parsed.GetValue(json), parsed.GetValue(mistakes)) { Pictures = pictures };
            if (given is not null)
            {
                return Task.FromResult(run.Judge(given, partial: part != DatasetReader.All));
            }
            var options = model.Read(parsed) with
            {
                ShortSide = parsed.GetValue(shortSide),
                MaxSide = Math.Max(parsed.GetValue(maxSide), parsed.GetValue(shortSide)),
                PostProcessingSettings = postProcessing.Read(parsed),
            };
            return Task.FromResult(run.Execute(() => host.OpenDetector(model.Weights(parsed, host), options), cancellation));
        });
        return command;
    }

    private static void Check(string dataset, string? images, string? predictions, string? mistakes, bool weights)
    {
        string? wrong = !DatasetReader.Names.Contains(dataset, StringComparer.OrdinalIgnoreCase)
                ? $"unknown dataset '{dataset}'; known: {string.Join(", ", DatasetReader.Names)}"
            : predictions is not null && weights ? "--weights and --predictions exclude each other"
            : predictions is null && images is null ? "a model needs --images; given detections need --predictions"
            : mistakes is not null && images is null ? "--mistakes needs --images"
            : null;
        if (wrong is not null)
        {
            throw new UsageException(wrong);
        }
    }
}
