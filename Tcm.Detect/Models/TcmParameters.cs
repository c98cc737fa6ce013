using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Models;

/// <summary>
/// Names and shapes of every float tensor of a model (tcm-model.md section 12.1, in the order of the official
/// checkpoints' modules): what a conversion keeps, a loader expects and the formula weights fill.
/// </summary>
internal sealed class TcmParameters
{
    private readonly List<TensorInfo> _tensors = [];
    private readonly TcmConfig _config;

    private TcmParameters(TcmConfig config) => _config = config;

    /// <summary>All tensors that a model of this configuration needs.</summary>
    public static IReadOnlyList<TensorInfo> Expected(TcmConfig config)
    {
        var parameters = new TcmParameters(config);
        parameters.Backbone();
        if (config.HasTextBranch)
        {
            parameters.AttentionPool();
            parameters.Text();
            parameters.Prompts();
        }
        if (config.Head == "db")
        {
            parameters.DbHead();
        }
        return parameters._tensors;
    }

    private void Add(string name, params int[] shape) => _tensors.Add(new TensorInfo(name, ElementType.Float32, shape));

    private void Linear(string name, int n, int k, bool bias = true)
    {
        Add($"{name}.weight", n, k);
        if (bias)
        {
            Add($"{name}.bias", n);
        }
    }

    private void LayerNorm(string name, int width)
    {
        Add($"{name}.weight", width);
        Add($"{name}.bias", width);
    }

    private void BatchNorm(string name, int channels)
    {
        LayerNorm(name, channels);
        Add($"{name}.running_mean", channels);
        Add($"{name}.running_var", channels);
    }

    private void Backbone()
    {
        int width = _config.BackboneWidth;
        ConvNorm("conv1", "bn1", width / 2, 3, 3);
        ConvNorm("conv2", "bn2", width / 2, width / 2, 3);
        ConvNorm("conv3", "bn3", width, width / 2, 3);
        int channels = width;
        for (int s = 0; s < 4; s++)
        {
            int planes = width << s, wide = _config.StageChannels(s);
            for (int b = 0; b < _config.BackboneBlocks[s]; b++)
            {
                string block = $"layer{s + 1}.{b}.";
                ConvNorm(block + "conv1", block + "bn1", planes, channels, 1);
                ConvNorm(block + "conv2", block + "bn2", planes, planes, 3);
                ConvNorm(block + "conv3", block + "bn3", wide, planes, 1);
                if (b == 0 && (s > 0 || channels != wide))
                {
                    ConvNorm(block + "downsample.0", block + "downsample.1", wide, channels, 1);
                }
                channels = wide;
            }
        }

        void ConvNorm(string conv, string norm, int k, int c, int size)
        {
            Add($"backbone.{conv}.weight", k, c, size, size);
            BatchNorm($"backbone.{norm}", k);
        }
    }

    private void AttentionPool()
    {
        int channels = _config.BackboneChannels;
        Add("backbone.attnpool.positional_embedding", (_config.PositionGrid * _config.PositionGrid) + 1, channels);
        Linear("backbone.attnpool.k_proj", channels, channels);
        Linear("backbone.attnpool.q_proj", channels, channels);
        Linear("backbone.attnpool.v_proj", channels, channels);
        Linear("backbone.attnpool.c_proj", _config.JointWidth, channels);
    }

    private void Text()
    {
        int width = _config.TextWidth;
        if (_config.HasCachedText)
        {
            Add("text_features", 1, _config.JointWidth);
            return;
        }
        Add("text_encoder.positional_embedding", _config.TextLength, width);
        Add("text_encoder.text_projection", width, _config.JointWidth);
        for (int i = 0; i < _config.TextLayers; i++)
        {
            string block = $"text_encoder.transformer.resblocks.{i}.";
            Add(block + "attn.in_proj_weight", 3 * width, width);
            Add(block + "attn.in_proj_bias", 3 * width);
            Linear(block + "attn.out_proj", width, width);
            LayerNorm(block + "ln_1", width);
            Linear(block + "mlp.c_fc", 4 * width, width);
            Linear(block + "mlp.c_proj", width, 4 * width);
            LayerNorm(block + "ln_2", width);
        }
        if (_config.PromptMode != PromptMode.LearnableOnly)
        {
            int rows = _config.StoredTokenIds.Count > 0 ? _config.StoredTokenIds.Count : TcmConfig.VocabularySize;
            Add("text_encoder.token_embedding.weight", rows, width);
        }
        LayerNorm("text_encoder.ln_final", width);
        if (_config.LearnableTokens > 0)
        {
            Add("contexts", 1, _config.LearnableTokens, width);
        }
    }

    private void Prompts()
    {
        int joint = _config.JointWidth;
        if (_config.LanguagePrompt && !_config.HasCachedText)
        {
            LayerNorm("prompt_generator.prompt_proj.0", joint);
            Linear("prompt_generator.prompt_proj.1", joint, joint);
            LayerNorm("prompt_generator.prompt_proj.3", joint);
            Linear("prompt_generator.prompt_proj.4", _config.TextWidth, joint);
            if (_config.FastTcm)
            {
                Add("meta_query", joint);
            }
        }
        if (_config.VisualPrompt)
        {
            Add("vis_gamma");
            Decoder("visual_prompt_generator");
        }
        if (_config.ContextDecoder)
        {
            Add("gamma", joint);
            Decoder("context_decoder");
        }
        if (_config.ScaledScoreMap)
        {
            Add("logit_scale");
        }
    }

    private void Decoder(string name)
    {
        int joint = _config.JointWidth, width = _config.DecoderWidth;
        LayerNorm($"{name}.memory_proj.0", joint);
        Linear($"{name}.memory_proj.1", width, joint);
        LayerNorm($"{name}.memory_proj.2", width);
        LayerNorm($"{name}.text_proj.0", joint);
        Linear($"{name}.text_proj.1", width, joint);
        for (int i = 0; i < _config.DecoderLayers; i++)
        {
            string layer = $"{name}.decoder.{i}.";
            foreach (string attention in (string[])["self_attn", "cross_attn"])
            {
                Linear(layer + attention + ".q_proj", width, width, bias: false);
                Linear(layer + attention + ".k_proj", width, width, bias: false);
                Linear(layer + attention + ".v_proj", width, width, bias: false);
                Linear(layer + attention + ".proj", width, width);
            }
            LayerNorm(layer + "norm1", width);
            LayerNorm(layer + "norm2", width);
            LayerNorm(layer + "norm3", width);
            Linear(layer + "mlp.0", 4 * width, width);
            Linear(layer + "mlp.3", width, 4 * width);
        }
        LayerNorm($"{name}.out_proj.0", width);
        Linear($"{name}.out_proj.1", joint, width);
    }

    private void DbHead()
    {
        int inner = _config.HeadWidth;
        for (int i = 0; i < 4; i++)
        {
            int score = i == 3 && _config.HasTextBranch ? 1 : 0;
            Add($"neck.lateral_convs.{i}.conv.weight", _config.NeckWidth, _config.StageChannels(i) + score, 1, 1);
        }
        for (int i = 0; i < 4; i++)
        {
            Add($"neck.smooth_convs.{i}.conv.weight", inner, _config.NeckWidth, 3, 3);
        }
        foreach (string branch in (string[])["bbox_head.binarize", "bbox_head.threshold"])
        {
            Add($"{branch}.0.weight", inner, 4 * inner, 3, 3);
            BatchNorm($"{branch}.1", inner);
            Add($"{branch}.3.weight", inner, inner, 2, 2);
            Add($"{branch}.3.bias", inner);
            BatchNorm($"{branch}.4", inner);
            Add($"{branch}.6.weight", inner, 1, 2, 2);
            Add($"{branch}.6.bias", 1);
        }
    }
}
