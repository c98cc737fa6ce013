using System.CommandLine;
using Tcm.Cli.Inputs;
using Tcm.Detect;
using Tcm.Detect.Heads.Db;

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
        """;

    /// <summary>Builds the command.</summary>
    public static Command Create(CliHost host)
    {
        var db = new DbPostProcessingOptions();
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
        var threshold = ModelOptions.Real("--threshold", "A pixel is text above this probability.", db.BinaryThreshold, 0, 1);
        var boxThreshold = ModelOptions.Real("--box-threshold", "Regions with a lower score are dropped.", db.BoxThreshold, 0,
            1);
        var minSide = ModelOptions.Real("--min-side", "Regions narrower than this, in network pixels, are dropped.", db.MinSide,
            0, 1000);
        var unclip = ModelOptions.Real("--unclip", "How far kernels are grown back: area * X / perimeter.", db.UnclipRatio, 0,
            10);
        var candidates = ModelOptions.Number("--max-candidates", "Contours beyond this number are not looked at.",
            db.MaxCandidates, 1, 1_000_000);
        var simplify = ModelOptions.Real("--simplify", "Tolerance of contours as a share of their length; 0 keeps all points.",
            db.SimplifyRatio, 0, 1);
        var polygons = new Option<bool>("--polygons") { Description = "Polygons that follow the text instead of quads." };
        var filterSmall = new Option<bool>("--filter-small-polygons")
        {
            Description = "With --polygons: --min-side applies to them too.",
        };
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
        var draw = new Option<string?>("--draw")
        {
            Description = "Draw the regions over the pictures and save them here.",
            HelpName = "FOLDER",
        };
        var command = new Command("detect", Help) { inputs };
        model.AddTo(command);
        foreach (var option in new Option[] { shortSide, maxSide, threshold, boxThreshold, minSide, unclip, candidates, simplify,
            polygons, filterSmall, recursive, orientation, json, draw })
        {
            command.Add(option);
        }
        command.SetAction((parsed, cancellation) =>
        {
            var options = model.Read(parsed) with
            {
                ShortSide = parsed.GetValue(shortSide),
                MaxSide = parsed.GetValue(maxSide),
                Db = new DbPostProcessingOptions
                {
                    BinaryThreshold = parsed.GetValue(threshold),
                    BoxThreshold = parsed.GetValue(boxThreshold),
                    MinSide = parsed.GetValue(minSide),
                    UnclipRatio = parsed.GetValue(unclip),
                    MaxCandidates = parsed.GetValue(candidates),
                    Simplify = parsed.GetValue(simplify) > 0,
                    SimplifyRatio = parsed.GetValue(simplify),
                    Polygons = parsed.GetValue(polygons),
                    FilterSmallPolygons = parsed.GetValue(filterSmall),
                },
            };
            if (options.MaxSide < options.ShortSide)
            {
                throw new UsageException($"--max-side {options.MaxSide} is less than --short-side {options.ShortSide}");
            }
            var run = new DetectRun(host, InputExpander.Expand(parsed.GetValue(inputs)!, parsed.GetValue(recursive)))
            {
                Json = parsed.GetValue(json),
                DrawFolder = parsed.GetValue(draw),
                ApplyOrientation = parsed.GetValue(orientation),
            };
            return Task.FromResult(run.Execute(() => host.OpenDetector(model.Weights(parsed, host), options), cancellation));
        });
        return command;
    }
}
