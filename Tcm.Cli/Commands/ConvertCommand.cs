using System.CommandLine;
using System.Globalization;
using Tcm.Detect.Models;

namespace Tcm.Cli.Commands;

/// <summary><c>tcm convert</c>: official checkpoints to self-describing safetensors files.</summary>
internal static class ConvertCommand
{
    // Names beyond this many per reason are counted, not listed: a checkpoint can hold hundreds of optimiser tensors.
    private const int MostNames = 12;

    /// <summary>Builds the command.</summary>
    public static Command Create(CliHost host)
    {
        var input = new Argument<string>("in") { Description = "An official TCM checkpoint (.pth) or OpenAI's RN50.pt." };
        var output = new Argument<string>("out") { Description = "The .safetensors file to write." };
        var half = new Option<bool>("--half") { Description = "Half precision: half the size." };
        var full = new Option<bool>("--full-vocabulary") { Description = "Keep all rows of the token table." };
        var textHeads = ModelOptions.Heads("--text-heads", "Heads of the text encoder, where not official.");
        var decoderHeads = ModelOptions.Heads("--decoder-heads", "Heads of the decoders, where not official.");
        var command = new Command("convert", """
            Convert a checkpoint to one self-describing file.

            Example:
              tcm convert epoch_1200.pth tcm-db.safetensors --half
            """) { input, output, half, full, textHeads, decoderHeads };
        command.SetAction(parsed =>
        {
            string to = parsed.GetValue(output)!;
            if (!to.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
            {
                throw new UsageException($"{to}: the output must be called .safetensors");
            }
            var report = CheckpointConverter.Convert(parsed.GetValue(input)!, to, new ConversionOptions
            {
                Half = parsed.GetValue(half),
                FullVocabulary = parsed.GetValue(full),
                TextHeads = parsed.GetValue(textHeads),
                DecoderHeads = parsed.GetValue(decoderHeads),
            });
            Write(host.Output, to, report);
            return ExitCode.Success;
        });
        return command;
    }

    private static void Write(TextWriter output, string path, ConversionReport report)
    {
        output.WriteLine(report.Config is { } config
            ? $"found    TCM-{config.Head.ToUpperInvariant()}, backbone width {config.BackboneWidth}, "
                + (config.HasTextBranch ? $"prompt {config.PromptMode}, {config.LearnableTokens} learnable tokens" : "no text branch")
            : "found    CLIP: an initialisation for training, not a detector");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"kept     {report.Kept.Count} tensors, {report.Parameters:N0} parameters"));
        foreach (var group in report.Dropped.GroupBy(tensor => tensor.Reason))
        {
            output.WriteLine($"dropped  {group.Count()} ({group.Key}): {Names(group.Select(tensor => tensor.Name).ToList())}");
        }
        output.WriteLine(report.Missing.Count == 0 ? "missing  nothing" : $"missing  {Names(report.Missing)}");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"wrote    {path}, {report.Bytes / 1e6:F1} MB"));
    }

    private static string Names(IReadOnlyList<string> names) => string.Join(", ", names.Take(MostNames))
        + (names.Count > MostNames ? $" and {names.Count - MostNames} more" : "");
}
