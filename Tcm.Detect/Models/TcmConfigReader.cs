using System.Text.Json;
using Tcm.Detect.Heads;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Models;

/// <summary>
/// Finds out what a file of weights makes up: from the configuration in its metadata if it was converted, else from the
/// names and shapes of its tensors (tcm-model.md sections 12.2 and 12.4). Thread-safe.
/// </summary>
public static class TcmConfigReader
{
    /// <summary>Metadata key of a converted model's configuration.</summary>
    public const string MetadataKey = "tcm.config";

    /// <summary>Metadata key that tells a model (<c>model</c>) from a file to start training from (<c>initialization</c>).</summary>
    public const string KindKey = "tcm.kind";

    private const int OfficialTextHeads = 8;
    private const int OfficialDecoderHeads = 4;
    private const int Most = 1 << 16;
    private const string Resblocks = "text_encoder.transformer.resblocks.";

    private static readonly string[] Decoders = ["visual_prompt_generator", "context_decoder"];

    /// <summary>Reads or derives the configuration.</summary>
    /// <param name="checkpoint">The tensors.</param>
    /// <param name="textHeads">Attention heads of the text encoder; null for the file's own, 8 for a file without any.</param>
    /// <param name="decoderHeads">Attention heads of the decoders; null for the file's own, 4 for a file without any.</param>
    /// <exception cref="WeightFormatException">The file is not a TCM model, or its parts do not fit together.</exception>
    public static TcmConfig FromCheckpoint(Checkpoint checkpoint, int? textHeads = null, int? decoderHeads = null)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        TcmConfig config;
        if (checkpoint.Metadata.TryGetValue(MetadataKey, out string? json))
        {
            config = FromJson(checkpoint.Path, json);
            config = config with
            {
                TextHeads = textHeads ?? config.TextHeads,
                DecoderHeads = decoderHeads ?? config.DecoderHeads,
            };
        }
        else
        {
            config = Derive(checkpoint) with
            {
                TextHeads = textHeads ?? OfficialTextHeads,
                DecoderHeads = decoderHeads ?? OfficialDecoderHeads,
            };
        }
        Validate(checkpoint.Path, config);
        return config;
    }

    private static TcmConfig FromJson(string path, string json)
    {
        try
        {
            return TcmConfigJson.Read(json);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException or ArgumentException)
        {
            throw new WeightFormatException($"{path}: the configuration in the metadata is damaged", e);
        }
    }

    private static TcmConfig Derive(Checkpoint file)
    {
        if (file.Find("backbone.conv1.weight") is null)
        {
            throw new WeightFormatException(file.Metadata.GetValueOrDefault(KindKey) == "initialization"
                    || file.Find("visual.conv1.weight") is not null
                ? $"{file.Path}: holds CLIP alone: it can initialise the training of a TCM model, but is not one"
                : $"{file.Path}: not a TCM model: it has no tensor 'backbone.conv1.weight'");
        }
        var method = HeadRegistry.Recognize(file);
        var plain = method.Derive(file, TcmConfig.FullSizeDb with
        {
            Head = method.Name,
            BackboneWidth = file.Dimension("backbone.conv3.weight", 0, 4),
            BackboneBlocks = [.. Enumerable.Range(1, 4).Select(s => file.Layers($"backbone.layer{s}."))],
        });
        bool cached = file.Find("text_features") is not null;
        return cached || file.Find("text_encoder.positional_embedding") is not null
            ? Text(file, plain, cached)
            : plain with { HasTextBranch = false, LanguagePrompt = false, VisualPrompt = false, ContextDecoder = false };
    }

    private static TcmConfig Text(Checkpoint file, TcmConfig plain, bool cached)
    {
        int positions = file.Dimension("backbone.attnpool.positional_embedding", 0, 2);
        int grid = (int)Math.Round(Math.Sqrt(positions - 1));
        if ((grid * grid) + 1 != positions)
        {
            throw new WeightFormatException($"{file.Path}: the position embedding of {positions} rows is not one of a square");
        }
        string? decoder = Decoders.FirstOrDefault(d => file.Find($"{d}.memory_proj.1.weight") is not null);
        bool visual = file.Has("visual_prompt_generator.");
        var config = plain with
        {
            JointWidth = file.Dimension("backbone.attnpool.c_proj.weight", 0, 2),
            PositionGrid = grid,
            LanguagePrompt = file.Has("prompt_generator."),
            VisualPrompt = visual,
            ContextDecoder = file.Has("context_decoder."),
            ScaledScoreMap = file.Find("logit_scale") is not null,
            FastTcm = file.Find("meta_query") is not null,
            HasCachedText = cached,
            DecoderWidth = decoder is null ? plain.DecoderWidth : file.Dimension($"{decoder}.memory_proj.1.weight", 0, 2),
            DecoderLayers = decoder is null ? plain.DecoderLayers : file.Layers($"{decoder}.decoder."),
        };
        return cached ? config : Prompt(file, config);
    }

    private static TcmConfig Prompt(Checkpoint file, TcmConfig config)
    {
        int length = file.Dimension("text_encoder.positional_embedding", 0, 2);
        int learnable = file.Find("contexts") is null ? 0 : file.Dimension("contexts", 1, 3);
        var mode = learnable == 0 ? PromptMode.Predefined
            : learnable == length ? PromptMode.LearnableOnly
            : PromptMode.Learnable;
        int words = config.PromptTokenIds.Count;
        if (mode == PromptMode.Learnable ? length != learnable + words : mode == PromptMode.Predefined && length < words)
        {
            throw new WeightFormatException($"{file.Path}: a text encoder of length {length} does not fit {learnable} learnable "
                + $"tokens and the {words} tokens of the standard prompt");
        }
        const string Table = "text_encoder.token_embedding.weight";
        if (mode != PromptMode.LearnableOnly && file.Dimension(Table, 0, 2) is var rows && rows != TcmConfig.VocabularySize)
        {
            throw new WeightFormatException($"{file.Path}: '{Table}' has {rows} rows instead of {TcmConfig.VocabularySize}");
        }
        return config with
        {
            TextWidth = file.Dimension("text_encoder.positional_embedding", 1, 2),
            TextLayers = file.Layers(Resblocks),
            TextLength = length,
            LearnableTokens = learnable,
            PromptMode = mode,
            // The model of the fixed words alone carries a context decoder that it does not use.
            ContextDecoder = config.ContextDecoder && (mode != PromptMode.Predefined || config.VisualPrompt),
        };
    }

    /// <summary>Refuses values that would make no model or an absurd one, so that later code need not look.</summary>
    private static void Validate(string path, TcmConfig c)
    {
        var method = HeadRegistry.TryFind(c.Head);
        Require(method is not null, $"the configuration names the unknown head '{c.Head}'");
        Require(c.BackboneBlocks.Count == 4 && c.BackboneBlocks.All(b => b is > 0 and <= 256), "a backbone has four stages of blocks");
        Require(c.BackboneWidth is > 0 and <= 4096 && c.BackboneWidth % 2 == 0, $"a backbone of width {c.BackboneWidth} is impossible");
        Require(c.Mean.Count == 3 && c.Std.Count == 3 && c.Mean.All(double.IsFinite) && c.Std.All(s => s is > 0 and < 1e6),
            "mean or standard deviation of the input are impossible");
        Require(c.NeckWidth is > 0 and <= Most && c.HeadWidth is >= 0 and <= Most && method!.CanBuild(c),
            "the neck has an impossible width");
        if (!c.HasTextBranch)
        {
            return;
        }
        Require(c.JointWidth is > 0 and <= Most && c.PositionGrid is > 0 and <= 1024, "the attention pool has an impossible size");
        Divides(c.PoolHeads, c.BackboneChannels, "attention pool");
        Require(c.DecoderWidth is > 0 and <= Most && c.DecoderLayers is > 0 and <= 256, "a decoder has an impossible size");
        if (c.VisualPrompt || c.ContextDecoder)
        {
            Divides(c.DecoderHeads, c.DecoderWidth, "decoders");
        }
        if (c.HasCachedText)
        {
            return;
        }
        Require(c.TextWidth is > 0 and <= Most && c.TextLayers is > 0 and <= 256 && c.TextLength is > 0 and <= 4096
            && c.LearnableTokens is >= 0 and <= 4096, "the text encoder has an impossible size");
        Divides(c.TextHeads, c.TextWidth, "text encoder");
        Require(Enum.IsDefined(c.PromptMode) && c.PromptTokenIds.Count is > 0 and <= 4096 && c.StoredTokenIds.Count <= TcmConfig.VocabularySize
            && c.PromptTokenIds.Concat(c.StoredTokenIds).All(id => id is >= 0 and < TcmConfig.VocabularySize), "the prompt is impossible");

        void Divides(int heads, int width, string part) =>
            Require(heads > 0 && width % heads == 0, $"{heads} attention heads do not divide the {part}'s width {width}");

        void Require(bool condition, string reason)
        {
            if (!condition)
            {
                throw new WeightFormatException($"{path}: {reason}");
            }
        }
    }
}
