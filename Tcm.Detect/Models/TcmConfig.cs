using Tcm.Kernels.Images;

namespace Tcm.Detect.Models;

/// <summary>What the text encoder reads (tcm-model.md section 6; the ablations of the paper).</summary>
public enum PromptMode
{
    /// <summary>The fixed words alone, padded with token 0.</summary>
    Predefined,
    /// <summary>Start token, learnable tokens, the fixed words, end token: the default.</summary>
    Learnable,
    /// <summary>Learnable tokens alone, without start, words or end.</summary>
    LearnableOnly,
}

/// <summary>
/// Everything that distinguishes one model from another. It travels in the metadata of a converted weight file; for
/// official checkpoints it is derived from names and shapes. The paper's ablations are
/// values of this record, not code. The defaults are the full-size TCM-DB. Immutable; safe to share between threads.
/// </summary>
public sealed record TcmConfig
{
    /// <summary>Full-size TCM-DB with 4 learnable tokens and a 640-pixel position grid: 114,076,899 parameters.</summary>
    public static TcmConfig FullSizeDb { get; } = new();

    /// <summary>Rows of CLIP's complete token table.</summary>
    public const int VocabularySize = 49408;

    /// <summary>The detector: <c>db</c>, <c>pan</c> or <c>fce</c>.</summary>
    public string Head { get; init; } = "db";

    /// <summary>Channels after the stem; stage i has 4 * width * 2^i.</summary>
    public int BackboneWidth { get; init; } = 64;

    /// <summary>Bottlenecks of the four stages.</summary>
    public IReadOnlyList<int> BackboneBlocks { get; init; } = [3, 4, 6, 3];

    /// <summary>False for a plain detector on CLIP's backbone: no attention pool, no text, no score map.</summary>
    public bool HasTextBranch { get; init; } = true;

    /// <summary>Heads of the attention pool; TCM fixes 32 whatever the width.</summary>
    public int PoolHeads { get; init; } = 32;

    /// <summary>Width of the joint embedding of image and text.</summary>
    public int JointWidth { get; init; } = 1024;

    /// <summary>Side of the grid of the stored position embedding: training resolution / 32.</summary>
    public int PositionGrid { get; init; } = 20;

    /// <summary>Token width of the text encoder.</summary>
    public int TextWidth { get; init; } = 512;

    /// <summary>Attention heads of the text encoder.</summary>
    public int TextHeads { get; init; } = 8;

    /// <summary>Blocks of the text encoder.</summary>
    public int TextLayers { get; init; } = 12;

    /// <summary>Length L of the text encoder's input.</summary>
    public int TextLength { get; init; } = 18;

    /// <summary>What the text encoder reads.</summary>
    public PromptMode PromptMode { get; init; } = PromptMode.Learnable;

    /// <summary>Number n of learnable tokens.</summary>
    public int LearnableTokens { get; init; } = 4;

    /// <summary>The fixed prompt with start and end token.</summary>
    public IReadOnlyList<int> PromptTokenIds { get; init; } = Clip.StandardPrompt.TokenIds;

    /// <summary>
    /// Token ids whose rows the stored embedding table has, in stored order; empty when the table is complete.
    /// </summary>
    public IReadOnlyList<int> StoredTokenIds { get; init; } = [];

    /// <summary>Whether the language prompt generator (LG) adds the image's embedding to the tokens.</summary>
    public bool LanguagePrompt { get; init; } = true;

    /// <summary>Whether the visual prompt generator (VG) adds the text to the dense embedding.</summary>
    public bool VisualPrompt { get; init; } = true;

    /// <summary>Whether the context decoder refines the text feature with the image.</summary>
    public bool ContextDecoder { get; init; } = true;

    /// <summary>Whether the score map is multiplied by exp(logit_scale) before it enters the neck.</summary>
    public bool ScaledScoreMap { get; init; }

    /// <summary>FastTCM: a meta query takes the image's place in LG, so the text is encoded once.</summary>
    public bool FastTcm { get; init; }

    /// <summary>Whether the file holds the text feature (<c>text_features</c>) instead of a text encoder.</summary>
    public bool HasCachedText { get; init; }

    /// <summary>Width inside both decoders.</summary>
    public int DecoderWidth { get; init; } = 256;

    /// <summary>Attention heads of both decoders.</summary>
    public int DecoderHeads { get; init; } = 4;

    /// <summary>Layers of both decoders.</summary>
    public int DecoderLayers { get; init; } = 3;

    /// <summary>Channels of the neck's pyramid.</summary>
    public int NeckWidth { get; init; } = 256;

    /// <summary>Channels that each level gives to the head (DB).</summary>
    public int HeadWidth { get; init; } = 64;

    /// <summary>Per-channel mean of the input, 0..255, red first (training-and-eval.md section 1).</summary>
    public IReadOnlyList<double> Mean { get; init; } = [122.67891434, 116.66876762, 104.00698793];

    /// <summary>Per-channel standard deviation of the input.</summary>
    public IReadOnlyList<double> Std { get; init; } = [58.395, 57.12, 57.375];

    /// <summary>Channels of the last stage.</summary>
    internal int BackboneChannels => StageChannels(3);

    internal ChannelNormalization Normalization => new((float)Mean[0], (float)Mean[1], (float)Mean[2], (float)(1 / Std[0]),
        (float)(1 / Std[1]), (float)(1 / Std[2]));

    internal int StageChannels(int stage) => BackboneWidth * 4 << stage;

    /// <summary>Channels of a stage as the neck sees it: the last one carries the score map.</summary>
    internal int HeadInput(int stage) => StageChannels(stage) + (stage == 3 && HasTextBranch ? 1 : 0);

    /// <summary>Row of the stored embedding table that holds a token.</summary>
    internal int TokenRow(int id)
    {
        for (int i = 0; i < StoredTokenIds.Count; i++)
        {
            if (StoredTokenIds[i] == id)
            {
                return i;
            }
        }
        return StoredTokenIds.Count == 0 ? id
            : throw new Kernels.TcmException($"token {id} of the prompt is not among the stored rows of the embedding table");
    }
}
