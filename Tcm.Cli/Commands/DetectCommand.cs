using System.CommandLine;
using Tcm.Cli.Inputs;
using Tcm.Detect;

namespace Tcm.Cli.Commands;

/// <summary><c>tcm detect</c>: options here, the work in <see cref="DetectRun"/>.</summary>
internal static class DetectCommand
{
    private const string Help = """
        Find text in pictures.

        Examples:
          tcm detect photo.jpg --weights tcm-db.safetensors
          tcm detect photos/ 'more/**/*.png' --json regions.json --draw drawn
          tcm detect photo.jpg --device cuda:0 --polygons --json -
          tcm detect photos/ --shard 3/64 --json-lines shard-3.jsonl
        """;

    /// <summary>Builds the command.</summary>
    public static Command Create(CliHost host)
    {
        var sizes = new TextDetectorOptions();
        var inputs = new Argument<string[]>("inputs")
        {
            Description = "Pictures (JPEG, PNG, WebP, BMP), folders, or patterns with *, ? and **.",
            Arity = ArgumentArity.OneOrMore,
        };
        inputs.Validators.Add(result =>
        {
            // An argument that takes any number of values takes misspelt options too.
            foreach (var token in result.Tokens.Where(t => t.Value.StartsWith('-') && !File.Exists(t.Value)))
            {
                result.AddError($"unknown option {token.Value}");
            }
        });
        var model = new ModelOptions();
        var shortSide = ModelOptions.Number("--short-side", "Pictures are resized to this shorter side ...", sizes.ShortSide, 32,
            16384);
        var maxSide = ModelOptions.Number("--max-side", "... unless the longer one would exceed this; long pictures shrink.",
            sizes.MaxSide, 32, 16384);
        var postProcessing = new PostProcessingFlags();
        var recursive = new Option<bool>("--recursive", "-r") { Description = "Folders: also the pictures in folders below." };
        var orientation = new Option<bool>("--apply-orientation")
        {
            Description = "Turn pictures upright by their EXIF data; coordinates then refer to the turned picture.",
        };
        var json = new Option<string?>("--json")
        {
            Description = "Write JSON to a file, or to standard output with '-'.",
            HelpName = "FILE|-",
        };
        var jsonLines = new Option<string?>("--json-lines")
        {
            Description = "Append one JSON object a line for each picture; started again, skip the pictures in the file.",
            HelpName = "FILE",
        };
        var shard = new Option<string?>("--shard")
        {
            Description = "Only part I of N (0 to N-1) of the sorted inputs: every N-th, beginning with number I.",
            HelpName = "I/N",
        };
        shard.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && Shard.Parse(result.Tokens[0].Value) is null)
            {
                result.AddError($"--shard must be I/N with 0 <= I < N, such as 0/8, not {result.Tokens[0].Value}");
            }
        });
        var draw = new Option<string?>("--draw")
        {
            Description = "Draw the regions over the pictures and save them here.",
            HelpName = "FOLDER",
        };
        var command = new Command("detect", Help) { inputs };
        model.AddTo(command);
        foreach (var option in new Option[] { shortSide, maxSide, recursive, orientation, json, jsonLines, shard, draw })
        {
            command.Add(option);
        }
        postProcessing.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            var options = model.Read(parsed) with
            {
                ShortSide = parsed.GetValue(shortSide),
                MaxSide = parsed.GetValue(maxSide),
                PostProcessingSettings = postProcessing.Read(parsed),
            };
            if (options.MaxSide < options.ShortSide)
            {
                throw new UsageException($"--max-side {options.MaxSide} is less than --short-side {options.ShortSide}");
            }
            if (parsed.GetValue(json) is not null && parsed.GetValue(jsonLines) is not null)
            {
                throw new UsageException("--json and --json-lines exclude each other");
            }
            var pictures = InputExpander.Expand(parsed.GetValue(inputs)!, parsed.GetValue(recursive));
            var run = new DetectRun(host, parsed.GetValue(shard) is { } part ? Shard.Parse(part)!.Value.Of(pictures) : pictures)
            {
                Json = parsed.GetValue(json),
                JsonLines = parsed.GetValue(jsonLines),
                DrawFolder = parsed.GetValue(draw),
                ApplyOrientation = parsed.GetValue(orientation),
            };
            return Task.FromResult(run.Execute(() => host.OpenDetector(model.Weights(parsed, host), options), cancellation));
        });
        return command;
    }
}
