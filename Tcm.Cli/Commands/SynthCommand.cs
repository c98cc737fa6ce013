using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using SkiaSharp;
using Tcm.Cli.Synthesis;

namespace Tcm.Cli.Commands;

/// <summary><c>tcm synth</c>: pictures with labelled text, drawn from fonts.</summary>
internal static class SynthCommand
{
    private const int BatchPerThread = 4;

    /// <summary>Builds the command.</summary>
    public static Command Create(CliHost host)
    {
        var folder = new Argument<string>("folder") { Description = "Where the pictures and labels.jsonl go." };
        var count = ModelOptions.Number("--count", "Number of scenes.", 100, 1, 10_000_000);
        count.Aliases.Add("-n");
        var seed = new Option<long>("--seed") { Description = "Equal seeds give equal scenes on one machine.", HelpName = "S" };
        var size = new Option<string?>("--size")
        {
            Description = $"Width and height, {SceneOptions.MinSide} to {SceneOptions.MaxSide}. Default: from 640x480 to 1280x720.",
            HelpName = "WxH",
        };
        size.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && ParseSize(result.Tokens[0].Value) is null)
            {
                result.AddError($"--size must be WxH with sides from {SceneOptions.MinSide} to {SceneOptions.MaxSide}, not "
                    + $"'{result.Tokens[0].Value}'");
            }
        });
        var level = new Option<string>("--level")
        {
            Description = "Polygons surround each word (as in ICDAR2015) or each line (as in MSRA-TD500).",
            DefaultValueFactory = _ => "word",
        };
        level.AcceptOnlyFromAmong("word", "line");
        var backgrounds = new Option<string[]>("--backgrounds")
        {
            Description = "Folder with pictures to place text on; may be repeated. Default: drawn backgrounds.",
            HelpName = "FOLDER",
        };
        var fonts = new Option<string[]>("--fonts")
        {
            Description = "Folder with font files; may be repeated. Default: the fonts of the system.",
            HelpName = "FOLDER",
        };
        var format = new Option<string>("--format") { Description = "Of the pictures.", DefaultValueFactory = _ => "png" };
        format.AcceptOnlyFromAmong("png", "jpg");
        var draw = new Option<string?>("--draw")
        {
            Description = "Also save copies with the polygons drawn: green, red for text that is not asked for.",
            HelpName = "FOLDER",
        };
        var threads = ModelOptions.Number("--threads", "Threads, 0 for one a core.", 0, 0, 1024);
        var command = new Command("synth", """
            Draw scenes with text whose polygons are known.

            Example:
              tcm synth scenes --count 1000 --seed 1 --size 640x640 --backgrounds /usr/share/backgrounds --draw look
            """)
        {
            folder, count, seed, size, level, backgrounds, fonts, format, draw, threads,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var options = new SceneOptions
            {
                Seed = parsed.GetValue(seed),
                Size = parsed.GetValue(size) is { } given ? ParseSize(given) : null,
                Level = parsed.GetValue(level) == "line" ? TextLevel.Line : TextLevel.Word,
                BackgroundFolders = parsed.GetValue(backgrounds) ?? [],
                FontFolders = parsed.GetValue(fonts) ?? [],
            };
            var encoding = parsed.GetValue(format) == "jpg" ? SKEncodedImageFormat.Jpeg : SKEncodedImageFormat.Png;
            var renderer = new SceneRenderer(options);
            using var writer = new SceneWriter(parsed.GetValue(folder)!, encoding, parsed.GetValue(draw));
            Run(host, renderer, writer, parsed.GetValue(count), parsed.GetValue(threads), cancellation);
            return Task.FromResult(ExitCode.Success);
        });
        return command;
    }

    /// <summary>Draws in batches, whose labels are written in order whatever the number of threads.</summary>
    private static void Run(CliHost host, SceneRenderer renderer, SceneWriter writer, int count, int threads,
        CancellationToken cancellation)
    {
        host.Error.WriteLine($"{renderer.Fonts.FaceCount} fonts for {string.Join(", ", renderer.Fonts.Scripts)}; "
            + (renderer.Pictures.Count > 0 ? $"{renderer.Pictures.Count} pictures" : "drawn backgrounds"));
        var source = new SceneSource(renderer);
        var watch = Stopwatch.StartNew();
        threads = threads == 0 ? Environment.ProcessorCount : threads;
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation };
        var lines = new byte[BatchPerThread * threads][];
        for (int first = 0; first < count; first += lines.Length)
        {
            int batch = Math.Min(lines.Length, count - first), start = first;
            try
            {
                Parallel.For(0, batch, parallel, i => lines[i] = writer.WritePicture(source.Read(start + i)));
            }
            catch (AggregateException e)
            {
                // One line for the user: threads mostly fail for the same reason.
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
            }
            foreach (byte[] line in lines.AsSpan(0, batch))
            {
                writer.WriteLabels(line);
            }
        }
        writer.Complete();
        string speed = (count / watch.Elapsed.TotalSeconds).ToString("F1", CultureInfo.InvariantCulture);
        host.Error.WriteLine($"{count} scenes, {speed} a second with {threads} threads");
    }

    /// <summary>Width and height of <c>640x480</c>; null for anything else.</summary>
    private static (int Width, int Height)? ParseSize(string text)
    {
        string[] parts = text.Split('x');
        return parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int width)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int height)
            && width is >= SceneOptions.MinSide and <= SceneOptions.MaxSide
            && height is >= SceneOptions.MinSide and <= SceneOptions.MaxSide
            ? (width, height) : null;
    }
}
