using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;
using Tcm.Detect;

namespace Tcm.Cli.Commands;

/// <summary>The options that say which model runs where; shared by the commands that run one.</summary>
internal sealed partial class ModelOptions
{
    private readonly Option<string?> _weights = new("--weights", "-w")
    {
        Description = "Converted .safetensors, official .pth, or 'formula' (full size, meaningless boxes). "
            + $"Default: {ShippedModel.FileName} beside the program.",
        HelpName = "FILE",
    };

    private readonly Option<string> _device = new("--device")
    {
        Description = "cpu, cuda:0, opencl:0 ... or auto; 'tcm devices' lists them.",
        HelpName = "DEVICE",
        DefaultValueFactory = _ => new TextDetectorOptions().Device,
    };

    private readonly Option<int> _threads = Number("--threads", "CPU threads, 0 for one a core.", 0, 0, 1024);
    private readonly Option<Kernels.Precision> _precision = new("--precision")
    {
        Description = "What products round their factors to, on GPUs with tensor cores: fp32, tf32, fp16 or bf16.",
        HelpName = "PRECISION",
        DefaultValueFactory = _ => Kernels.Precision.Fp32,
    };

    private readonly Option<int?> _textHeads = Heads("--text-heads", "Heads of the text encoder, where not official.");
    private readonly Option<int?> _decoderHeads = Heads("--decoder-heads", "Heads of the decoders, where not official.");

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_weights);
        command.Add(_device);
        command.Add(_threads);
        command.Add(_precision);
        command.Add(_textHeads);
        command.Add(_decoderHeads);
    }

    /// <summary>Whether weights were named.</summary>
    public bool NamesWeights(ParseResult parsed) => parsed.GetValue(_weights) is not null;

    /// <summary>The weights that were named, or the default ones.</summary>
    /// <exception cref="MissingWeightsException">None.</exception>
    public string Weights(ParseResult parsed, CliHost host)
    {
        if (parsed.GetValue(_weights) is { } named)
        {
            return named;
        }
        return ShippedModel.Find(host.ProgramFolder) ?? throw new MissingWeightsException(
            $"no weights: {ShippedModel.FileName} is not beside the program; give --weights FILE (make one with 'tcm convert "
            + "epoch.pth FILE' from a TCM checkpoint), or --weights formula for a dry run whose boxes mean nothing");
    }

    /// <summary>Detector options with the values of these options.</summary>
    public TextDetectorOptions Read(ParseResult parsed) => new()
    {
        Device = parsed.GetValue(_device)!,
        Threads = parsed.GetValue(_threads),
        Precision = parsed.GetValue(_precision),
        TextHeads = parsed.GetValue(_textHeads),
        DecoderHeads = parsed.GetValue(_decoderHeads),
    };

    /// <summary>A whole number between two limits.</summary>
    public static Option<int> Number(string name, string description, int value, int least, int most)
    {
        var option = new Option<int>(name)
        {
            Description = description,
            HelpName = "N",
            DefaultValueFactory = _ => value,
        };
        option.Validators.Add(result =>
        {
            // What is no number at all, the library itself reports.
            if (result.Tokens.Count == 1
                && int.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out int given)
                && (given < least || given > most))
            {
                result.AddError($"{name} must be between {least} and {most}, not {given}");
            }
        });
        return option;
    }

    /// <summary>A real number between two limits, which need not be given.</summary>
    public static Option<float?> OptionalReal(string name, string description, double least, double most)
    {
        var option = new Option<float?>(name) { Description = description, HelpName = "X" };
        option.Validators.Add(result =>
        {
            // What is no number at all, the library itself reports.
            if (result.Tokens.Count == 1
                && float.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out float given)
                && !(given >= least && given <= most))
            {
                result.AddError($"{name} must be between {least} and {most}, not {given}");
            }
        });
        return option;
    }

    /// <summary>A number of attention heads; absent means the official one.</summary>
    public static Option<int?> Heads(string name, string description)
    {
        var option = new Option<int?>(name) { Description = description, HelpName = "N" };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1
                && int.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out int given) && given is < 1 or > 1024)
            {
                result.AddError($"{name} must be between 1 and 1024");
            }
        });
        return option;
    }

    /// <summary>The size of a network's input.</summary>
    public static Option<string?> Size(string name, string description)
    {
        var option = new Option<string?>(name) { Description = description, HelpName = "HxW" };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && ParseSize(result.Tokens[0].Value) is null)
            {
                result.AddError($"{name} must be HxW, each a multiple of 32 up to 8192, such as 640x640");
            }
        });
        return option;
    }

    [GeneratedRegex("^([0-9]{2,4})[xX]([0-9]{2,4})$")]
    private static partial Regex SizePattern { get; }

    /// <summary>HxW, each a multiple of 32 up to 8192; null for anything else.</summary>
    public static (int Height, int Width)? ParseSize(string? text)
    {
        var match = SizePattern.Match(text ?? "");
        if (!match.Success)
        {
            return null;
        }
        int height = int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        int width = int.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture);
        return height % 32 == 0 && width % 32 == 0 && height is > 0 and <= 8192 && width is > 0 and <= 8192
            ? (height, width) : null;
    }
}
