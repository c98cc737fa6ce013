using System.CommandLine;
using Tcm.Cli.Images;
using Tcm.Cli.Output;
using Tcm.Detect;
using Tcm.Detect.Models;
using Tcm.Nn;

namespace Tcm.Cli.Commands;

/// <summary><c>tcm trace</c>: every named tensor of one forward pass, as numbers and as pictures.</summary>
internal static class TraceCommand
{
    /// <summary>Parts between the trunk and the score map: what remains fits together without them.</summary>
    private static readonly Dictionary<string, Func<TcmConfig, TcmConfig>> Parts = new()
    {
        ["language-prompt"] = config => config with { LanguagePrompt = false },
        ["visual-prompt"] = config => config with { VisualPrompt = false },
        ["context-decoder"] = config => config with { ContextDecoder = false },
    };

    /// <summary>Builds the command.</summary>
    public static Command Create(CliHost host)
    {
        var image = new Argument<string>("image") { Description = "A picture." };
        var model = new ModelOptions();
        var output = new Option<string>("--out")
        {
            Description = "Where the tensors go, as float32.",
            HelpName = "STAGES.safetensors",
            Required = true,
        };
        var png = new Option<string?>("--png")
        {
            Description = "Also save heat maps here: the mean over channels, and the first channel where there are several.",
            HelpName = "FOLDER",
        };
        var side = ModelOptions.Number("--png-side", "Heat maps with a longer side are averaged down to at most this.", 4096, 16, 16384);
        var without = new Option<string[]>("--without")
        {
            Description = $"Leave out a part of the network, as an untrained ablation: {string.Join(", ", Parts.Keys)}; may be repeated.",
            HelpName = "PART",
        };
        without.AcceptOnlyFromAmong([.. Parts.Keys]);
        var raw = new Option<bool>("--raw") { Description = "Do not resize; only pad to multiples of 32." };
        var orientation = new Option<bool>("--apply-orientation") { Description = "Turn the picture upright by its EXIF data." };
        var command = new Command("trace", """
            Write the intermediate tensors of one picture.

            Example:
              tcm trace photo.jpg --weights tcm-db.safetensors --out stages.safetensors --png maps
            """)
        {
            image, output, png, side, without, raw, orientation,
        };
        model.AddTo(command);
        command.SetAction(parsed =>
        {
            var picture = ImageFile.Read(parsed.GetValue(image)!, parsed.GetValue(orientation));
            var options = model.Read(parsed);
            using var file = ModelFile.Open(model.Weights(parsed, host), options.TextHeads, options.DecoderHeads, options.Limits);
            var config = parsed.GetValue(without)!.Distinct().Aggregate(file.Config, Leave);
            using var detector = TextDetector.Load(file.Checkpoint, config, options);
            var stages = new StageCollector();
            detector.Trace(picture, stages, resize: !parsed.GetValue(raw));
            StageFile.Write(parsed.GetValue(output)!, stages.Stages);
            if (parsed.GetValue(png) is { } folder)
            {
                SaveMaps(folder, stages.Stages, parsed.GetValue(side));
            }
            foreach (var stage in stages.Stages)
            {
                host.Error.WriteLine($"{stage.Name,-8} [{string.Join(',', stage.Shape)}]");
            }
            return ExitCode.Success;
        });
        return command;
    }

    private static TcmConfig Leave(TcmConfig config, string part)
    {
        var rest = Parts[part](config);
        return config.HasTextBranch && rest != config ? rest : throw new UsageException($"--without {part}: the model has no such part");
    }

    private static void SaveMaps(string folder, IEnumerable<Stage> stages, int longest)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"{folder}: the folder cannot be created", e);
        }
        // The text feature t and the threshold map T must not become one file where case does not count.
        var taken = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var stage in stages)
        {
            // Vectors and token matrices (g, t, dt ...) become a picture of one plane; maps (B,C,H,W) one of each kind.
            var (channels, height, width) = stage.Shape switch
            {
                [_, var c, var h, var w] => (c, h, w),
                [_, var h, var w] => (1, h, w),
                [var h, var w] => (1, h, w),
                [var w] => (1, 1, w),
                _ => (0, 0, 0),
            };
            if (channels * height * width == 0)
            {
                continue;
            }
            var values = stage.Values.AsSpan(0, channels * height * width);
            string path = Path.Combine(folder, taken.Add(stage.Name) ? stage.Name : $"{stage.Name}-upper");
            if (channels > 1)
            {
                Save(values[..(height * width)], width, height, longest, $"{path}.first.png");
            }
            Save(Mean(values, channels), width, height, longest, $"{path}.png");
        }
    }

    private static void Save(ReadOnlySpan<float> plane, int width, int height, int longest, string path)
    {
        int block = (Math.Max(width, height) + longest - 1) / longest;
        HeatMap.Save(BlockMeans(plane, width, height, block), (width + block - 1) / block, (height + block - 1) / block, path);
    }

    /// <summary>Means of square blocks; those at the right and lower edge may be smaller.</summary>
    private static float[] BlockMeans(ReadOnlySpan<float> plane, int width, int height, int block)
    {
        int columns = (width + block - 1) / block, rows = (height + block - 1) / block;
        var means = new float[rows * columns];
        for (int i = 0; i < means.Length; i++)
        {
            int top = i / columns * block, left = i % columns * block;
            int bottom = Math.Min(top + block, height), right = Math.Min(left + block, width);
            double sum = 0;
            for (int y = top; y < bottom; y++)
            {
                for (int x = left; x < right; x++)
                {
                    sum += plane[(y * width) + x];
                }
            }
            means[i] = (float)(sum / ((bottom - top) * (right - left)));
        }
        return means;
    }

    private static float[] Mean(ReadOnlySpan<float> values, int channels)
    {
        var mean = new float[values.Length / channels];
        for (int c = 0; c < channels; c++)
        {
            var plane = values.Slice(c * mean.Length, mean.Length);
            for (int i = 0; i < mean.Length; i++)
            {
                mean[i] += plane[i] / channels;
            }
        }
        return mean;
    }

    private sealed class StageCollector : ForwardObserver
    {
        public List<Stage> Stages { get; } = [];

        public override bool WantsStages => true;

        public override void Stage(string name, Tensor value) =>
            Stages.Add(new Stage(name, value.Shape.ToArray(), value.ToArray()));
    }
}

/// <summary>A named tensor in host memory.</summary>
internal sealed record Stage(string Name, int[] Shape, float[] Values);
