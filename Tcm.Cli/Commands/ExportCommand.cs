using System.CommandLine;
using System.Globalization;
using Tcm.Detect.Models;
using Tcm.Nn.Onnx;

namespace Tcm.Cli.Commands;

/// <summary><c>tcm export</c>: a model's network as an ONNX file.</summary>
internal static class ExportCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliHost host)
    {
        var input = new Argument<string>("weights") { Description = "A weight file, or 'formula'." };
        var output = new Argument<string>("out") { Description = "The .onnx file to write." };
        var size = ModelOptions.Size("--size", "Size of the input, multiples of 32. Default: 736x1280.");
        var dynamic = new Option<bool>("--dynamic") { Description = "An input of any size (multiples of 32) instead." };
        var textHeads = ModelOptions.Heads("--text-heads", "Heads of the text encoder, where not official.");
        var decoderHeads = ModelOptions.Heads("--decoder-heads", "Heads of the decoders, where not official.");
        var command = new Command("export", $"""
            Write a model's network as an ONNX file (opset 17): input '{OnnxExporter.InputName}' (1,3,H,W), normalised RGB (mean and std
            are in the file's metadata), output '{OnnxExport.OutputName}'. Resizing and post-processing are not part of it.

            Example:
              tcm export tcm-db-s.safetensors tcm-db-s.onnx --dynamic
            """) { input, output, size, dynamic, textHeads, decoderHeads };
        command.SetAction(parsed =>
        {
            string to = parsed.GetValue(output)!;
            if (!to.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase))
            {
                throw new UsageException($"{to}: the output must be called .onnx");
            }
            if (parsed.GetValue(dynamic) && parsed.GetValue(size) is not null)
            {
                throw new UsageException("--size and --dynamic exclude each other");
            }
            (int Height, int Width)? fixedSize = parsed.GetValue(dynamic) ? null
                : ModelOptions.ParseSize(parsed.GetValue(size)) ?? (736, 1280);
            using var model = ModelFile.Open(parsed.GetValue(input)!, parsed.GetValue(textHeads), parsed.GetValue(decoderHeads));
            var report = OnnxExport.Write(model, to, fixedSize);
            host.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"wrote {to}: {report.Nodes} nodes, {report.Bytes / 1e6:F1} MB, input {(fixedSize is { } s ? $"{s.Height}x{s.Width}" : "of any size")}"));
            return ExitCode.Success;
        });
        return command;
    }
}
