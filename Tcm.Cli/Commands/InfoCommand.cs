using System.Collections;
using System.CommandLine;
using System.Globalization;
using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Nn;
using Tcm.Nn.Checkpoints;

namespace Tcm.Cli.Commands;

/// <summary><c>tcm info</c>: what a weight file holds.</summary>
internal static class InfoCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliHost host)
    {
        var file = new Argument<string>("file") { Description = "A weight file, or 'formula'." };
        var size = ModelOptions.Size("--size", "Input for which multiply-adds are counted; multiples of 32. Default: 640x640.");
        var tensors = new Option<bool>("--tensors") { Description = "Also list every tensor." };
        var textHeads = ModelOptions.Heads("--text-heads", "Heads of the text encoder, where not official.");
        var decoderHeads = ModelOptions.Heads("--decoder-heads", "Heads of the decoders, where not official.");
        var command = new Command("info", "Show configuration, parameters, multiply-adds and tensors of a weight file.")
        {
            file, size, tensors, textHeads, decoderHeads,
        };
        command.SetAction(parsed =>
        {
            string path = parsed.GetValue(file)!;
            if (path != ModelFile.Formula && IsInitialization(path))
            {
                using var checkpoint = CheckpointFile.Open(path);
                host.Output.WriteLine("CLIP weights: an initialisation for training, not a detector");
                WriteParameters(host, checkpoint);
                WriteTensors(host, checkpoint, parsed.GetValue(tensors));
                return ExitCode.Success;
            }
            using var model = ModelFile.Open(path, parsed.GetValue(textHeads), parsed.GetValue(decoderHeads));
            WriteConfig(host, model.Config);
            WriteParameters(host, model.Checkpoint);
            var (height, width) = ModelOptions.ParseSize(parsed.GetValue(size)) ?? (640, 640);
            WriteCosts(host, model, height, width);
            WriteTensors(host, model.Checkpoint, parsed.GetValue(tensors));
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>CLIP's own names (as in RN50.pt) instead of a detector's.</summary>
    private static bool IsInitialization(string path)
    {
        using var checkpoint = CheckpointFile.Open(path);
        return checkpoint.Metadata.GetValueOrDefault(TcmConfigReader.KindKey) == "initialization"
            || checkpoint.Find("visual.conv1.weight") is not null;
    }

    private static void WriteConfig(CliHost host, TcmConfig config)
    {
        host.Output.WriteLine("configuration");
        foreach (var property in typeof(TcmConfig).GetProperties())
        {
            if (property.GetMethod!.IsStatic)
            {
                continue;
            }
            host.Output.WriteLine($"  {property.Name,-18} {Show(property.GetValue(config))}");
        }
    }

    private static string Show(object? value) => value switch
    {
        string text => text,
        IEnumerable list => $"[{string.Join(", ", list.Cast<object>().Select(Show))}]",
        bool flag => flag ? "yes" : "no",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => $"{value}",
    };

    private static void WriteParameters(CliHost host, Checkpoint checkpoint)
    {
        // Counters of batches are integers that no forward pass reads.
        var groups = checkpoint.Tensors.Where(tensor => tensor.Type is not (ElementType.Int64 or ElementType.Bool))
            .GroupBy(tensor => Group(tensor.Name)).Select(group => (group.Key, Sum: group.Sum(tensor => tensor.Length))).ToList();
        host.Output.WriteLine("parameters (with the statistics of batch normalisation)");
        foreach (var (name, sum) in groups)
        {
            host.Output.WriteLine($"  {name,-32} {Count(sum),14}");
        }
        host.Output.WriteLine($"  {"all",-32} {Count(groups.Sum(group => group.Sum)),14}");
    }

    /// <summary>The first part of a name, and within the backbone the stage too.</summary>
    private static string Group(string name)
    {
        string[] parts = name.Split('.');
        return parts is ["backbone" or "visual", var second, ..]
            ? $"{parts[0]}.{(second.StartsWith("layer", StringComparison.Ordinal) || second == "attnpool" ? second : "stem")}"
            : parts[0];
    }

    private static void WriteCosts(CliHost host, ModelFile file, int height, int width)
    {
        using var backend = Devices.Open("cpu");
        using var model = new TcmModel(file.Checkpoint, file.Config, backend);
        using var scope = TensorScope.Begin();
        var profile = new BlockProfile(backend);
        var input = new Tensor(backend, [1, 3, height, width]);
        backend.Fill(input.Data, 0);
        model.Forward(input, profile);
        host.Output.WriteLine($"multiply-adds at {height}x{width}, in 10^9");
        foreach (var block in profile.Blocks)
        {
            host.Output.WriteLine($"  {block.Name,-32} {Giga(block.MultiplyAdds),14}");
        }
        host.Output.WriteLine($"  {"all",-32} {Giga(profile.Blocks.Sum(block => block.MultiplyAdds)),14}");
    }

    private static void WriteTensors(CliHost host, Checkpoint checkpoint, bool all)
    {
        host.Output.WriteLine($"tensors: {checkpoint.Tensors.Count}{(all ? "" : " (--tensors lists them)")}");
        foreach (var tensor in all ? checkpoint.Tensors : [])
        {
            host.Output.WriteLine($"  {tensor.Name,-72} {tensor.Type,-8} {tensor.ShapeText}");
        }
    }

    private static string Count(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Giga(long number) => (number / 1e9).ToString("F3", CultureInfo.InvariantCulture);
}
