using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Models;

/// <summary>What a conversion writes. Immutable; safe to share between threads.</summary>
public sealed record ConversionOptions
{
    /// <summary>Half precision instead of single: half the size, values rounded to 11 bits.</summary>
    public bool Half { get; init; }

    /// <summary>Attention heads of the text encoder; null for the official 8.</summary>
    public int? TextHeads { get; init; }

    /// <summary>Attention heads of the decoders; null for the official 4.</summary>
    public int? DecoderHeads { get; init; }

    /// <summary>Keep all rows of the token table, not only those of the prompt.</summary>
    public bool FullVocabulary { get; init; }
}

/// <summary>A tensor that a conversion left out. Immutable; safe to share between threads.</summary>
public sealed record DroppedTensor(string Name, string Reason);

/// <summary>What a conversion did. Immutable; safe to share between threads.</summary>
/// <param name="Kind"><c>model</c>, or <c>initialization</c> for CLIP's own file.</param>
/// <param name="Config">The model's configuration; null for an initialisation file.</param>
/// <param name="Kept">The tensors written.</param>
/// <param name="Dropped">The tensors left out, with reasons.</param>
/// <param name="Missing">Tensors that such a file usually has and this one lacks, none of them needed.</param>
/// <param name="Parameters">Values written, without the running statistics of normalisations.</param>
/// <param name="Bytes">Size of the file.</param>
public sealed record ConversionReport(string Kind, TcmConfig? Config, IReadOnlyList<TensorInfo> Kept,
    IReadOnlyList<DroppedTensor> Dropped, IReadOnlyList<string> Missing, long Parameters, long Bytes);

/// <summary>Turns official checkpoints into <c>.safetensors</c> files that describe themselves. Thread-safe.</summary>
public static class CheckpointConverter
{
    private const string TokenTable = "text_encoder.token_embedding.weight";

    /// <summary>Converts a TCM checkpoint, or CLIP's <c>RN50.pt</c> to a file to start training from.</summary>
    /// <exception cref="WeightFormatException">The input is no such file, lacks tensors, or the output cannot be written.</exception>
    public static ConversionReport Convert(string input, string output, ConversionOptions options)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(options);
        using var file = CheckpointFile.Open(input);
        bool clip = file.Find("backbone.conv1.weight") is null && file.Find("visual.conv1.weight") is not null;
        return clip ? ConvertClip(file, output, options) : ConvertModel(file, output, options);
    }

    private static ConversionReport ConvertModel(Checkpoint file, string output, ConversionOptions options)
    {
        var source = TcmConfigReader.FromCheckpoint(file, options.TextHeads, options.DecoderHeads);
        var config = options.FullVocabulary ? source : source with { StoredTokenIds = StoredRows(source) };
        var needed = TcmParameters.Expected(config).ToDictionary(t => t.Name, StringComparer.Ordinal);
        RequireAll(file, source);
        var plan = new Plan(options.Half);
        foreach (var tensor in file.Tensors)
        {
            string? reason = Useless(tensor)
                ?? (needed.ContainsKey(tensor.Name) ? null : "not used by this model");
            bool table = tensor.Name == TokenTable && reason is null;
            plan.Add(tensor, table ? needed[TokenTable].Shape : tensor.Shape, reason);
        }
        var metadata = new Dictionary<string, string>
        {
            ["format"] = "pt",
            [TcmConfigReader.KindKey] = "model",
            [TcmConfigReader.MetadataKey] = TcmConfigJson.Write(config),
        };
        long bytes = SafetensorsWriter.Write(output, metadata, plan.Kept, (tensor, values) =>
        {
            var stored = file.Find(tensor.Name)!;
            if (tensor.Name == TokenTable && config.StoredTokenIds.Count > 0)
            {
                int width = stored.Shape[1];
                for (int i = 0; i < config.StoredTokenIds.Count; i++)
                {
                    file.ReadRows(stored, source.TokenRow(config.StoredTokenIds[i]), 1, values.Slice(i * width, width));
                }
            }
            else
            {
                file.Read(stored, values);
            }
        });
        return plan.Report("model", config, [], bytes);
    }

    private static ConversionReport ConvertClip(Checkpoint file, string output, ConversionOptions options)
    {
        var plan = new Plan(options.Half);
        foreach (var tensor in file.Tensors)
        {
            plan.Add(tensor, tensor.Shape, Useless(tensor)
                ?? (tensor.Name == "logit_scale" ? "TCM does not take CLIP's temperature" : null));
        }
        string[] parts = ["visual.attnpool.positional_embedding", "transformer.resblocks.0.attn.in_proj_weight",
            "token_embedding.weight", "positional_embedding", "text_projection", "ln_final.weight"];
        var missing = parts.Where(p => file.Find(p) is null).ToList();
        var metadata = new Dictionary<string, string>
        {
            ["format"] = "pt",
            [TcmConfigReader.KindKey] = "initialization",
        };
        long bytes = SafetensorsWriter.Write(output, metadata, plan.Kept,
            (tensor, values) => file.Read(file.Find(tensor.Name)!, values));
        return plan.Report("initialization", null, missing, bytes);
    }

    /// <summary>The prompt's tokens without repetition; token 0 pads a prompt that is shorter than the encoder.</summary>
    private static int[] StoredRows(TcmConfig config)
    {
        if (!config.HasTextBranch || config.HasCachedText || config.PromptMode == PromptMode.LearnableOnly)
        {
            return [];
        }
        IEnumerable<int> padding = config.PromptMode == PromptMode.Predefined ? [0] : [];
        return [.. config.PromptTokenIds.Concat(padding).Distinct()];
    }

    private static void RequireAll(Checkpoint file, TcmConfig config)
    {
        var wrong = new List<string>();
        foreach (var tensor in TcmParameters.Expected(config))
        {
            var found = file.Find(tensor.Name);
            if (found is null || !found.Shape.SequenceEqual(tensor.Shape))
            {
                wrong.Add(found is null ? $"'{tensor.Name}'" : $"'{tensor.Name}' {found.ShapeText} instead of {tensor.ShapeText}");
            }
        }
        if (wrong.Count > 0)
        {
            throw new WeightFormatException($"{file.Path}: {wrong.Count} tensors of the model are missing or of another shape: "
                + string.Join(", ", wrong.Take(8)) + (wrong.Count > 8 ? ", ..." : ""));
        }
    }

    private static string? Useless(TensorInfo tensor) => tensor.Name switch
    {
        "input_resolution" or "context_length" or "vocab_size" => "bookkeeping",
        _ when tensor.Name.EndsWith("num_batches_tracked", StringComparison.Ordinal) => "counter of training batches",
        _ when tensor.Type is not (ElementType.Float32 or ElementType.Float16 or ElementType.BFloat16 or ElementType.Float64) =>
            "not a weight",
        _ when tensor.Length == 0 => "empty",
        _ => null,
    };

    private sealed class Plan(bool half)
    {
        private readonly List<DroppedTensor> _dropped = [];

        public List<TensorInfo> Kept { get; } = [];

        public void Add(TensorInfo tensor, IReadOnlyList<int> shape, string? reason)
        {
            if (reason is not null)
            {
                _dropped.Add(new DroppedTensor(tensor.Name, reason));
                return;
            }
            Kept.Add(new TensorInfo(tensor.Name, half ? ElementType.Float16 : ElementType.Float32, shape));
        }

        public ConversionReport Report(string kind, TcmConfig? config, IReadOnlyList<string> missing, long bytes)
        {
            long parameters = Kept.Where(t => !t.Name.EndsWith(".running_mean", StringComparison.Ordinal)
                && !t.Name.EndsWith(".running_var", StringComparison.Ordinal)).Sum(t => t.Length);
            return new ConversionReport(kind, config, Kept, _dropped, missing, parameters, bytes);
        }
    }
}
