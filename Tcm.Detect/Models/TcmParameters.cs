using Tcm.Detect.Heads;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Models;

/// <summary>
/// Names and shapes of every float tensor of a model (tcm-model.md section 12.1, in the order of the official
/// checkpoints' modules): what a conversion keeps, a loader expects and the formula weights fill.
/// </summary>
internal sealed class TcmParameters
{
    private readonly TensorTable _table = new();
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
        HeadRegistry.Find(config.Head).AddTensors(parameters._table, config);
        return parameters._table.Tensors;
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
            _table.Add($"backbone.{conv}.weight", k, c, size, size);
            _table.BatchNorm($"backbone.{norm}", k);
        }
    }

    private void AttentionPool()
    {
        int channels = _config.BackboneChannels;
        _table.Add("backbone.attnpool.positional_embedding", (_config.PositionGrid * _config.PositionGrid) + 1, channels);
        _table.Linear("backbone.attnpool.k_proj", channels, channels);
        _table.Linear("backbone.attnpool.q_proj", channels, channels);
        _table.Linear("backbone.attnpool.v_proj", channels, channels);
        _table.Linear("backbone.attnpool.c_proj", _config.JointWidth, channels);
    }

    private void Text()
    {
        int width = _config.TextWidth;
        if (_config.HasCachedText)
        {
            _table.Add("text_features", 1, _config.JointWidth);
            return;
        }
        _table.Add("text_encoder.positional_embedding", _config.TextLength, width);
        _table.Add("text_encoder.text_projection", width, _config.JointWidth);
        for (int i = 0; i < _config.TextLayers; i++)
        {
            string block = $"text_encoder.transformer.resblocks.{i}.";
            _table.Add(block + "attn.in_proj_weight", 3 * width, width);
            _table.Add(block + "attn.in_proj_bias", 3 * width);
            _table.Linear(block + "attn.out_proj", width, width);
            _table.LayerNorm(block + "ln_1", width);
            _table.Linear(block + "mlp.c_fc", 4 * width, width);
            _table.Linear(block + "mlp.c_proj", width, 4 * width);
            _table.LayerNorm(block + "ln_2", width);
        }
        if (_config.PromptMode != PromptMode.LearnableOnly)
        {
            int rows = _config.StoredTokenIds.Count > 0 ? _config.StoredTokenIds.Count : TcmConfig.VocabularySize;
            _table.Add("text_encoder.token_embedding.weight", rows, width);
        }
        _table.LayerNorm("text_encoder.ln_final", width);
        if (_config.LearnableTokens > 0)
        {
            _table.Add("contexts", 1, _config.LearnableTokens, width);
        }
    }

    private void Prompts()
    {
        int joint = _config.JointWidth;
        if (_config.LanguagePrompt && !_config.HasCachedText)
        {
            _table.LayerNorm("prompt_generator.prompt_proj.0", joint);
            _table.Linear("prompt_generator.prompt_proj.1", joint, joint);
            _table.LayerNorm("prompt_generator.prompt_proj.3", joint);
            _table.Linear("prompt_generator.prompt_proj.4", _config.TextWidth, joint);
            if (_config.FastTcm)
            {
                _table.Add("meta_query", joint);
            }
        }
        if (_config.VisualPrompt)
        {
            _table.Add("vis_gamma");
            Decoder("visual_prompt_generator");
        }
        if (_config.ContextDecoder)
        {
            _table.Add("gamma", joint);
            Decoder("context_decoder");
        }
        if (_config.ScaledScoreMap)
        {
            _table.Add("logit_scale");
        }
    }

    private void Decoder(string name)
    {
        int joint = _config.JointWidth, width = _config.DecoderWidth;
        _table.LayerNorm($"{name}.memory_proj.0", joint);
        _table.Linear($"{name}.memory_proj.1", width, joint);
        _table.LayerNorm($"{name}.memory_proj.2", width);
        _table.LayerNorm($"{name}.text_proj.0", joint);
        _table.Linear($"{name}.text_proj.1", width, joint);
        for (int i = 0; i < _config.DecoderLayers; i++)
        {
            string layer = $"{name}.decoder.{i}.";
            foreach (string attention in (string[])["self_attn", "cross_attn"])
            {
                _table.Linear(layer + attention + ".q_proj", width, width, bias: false);
                _table.Linear(layer + attention + ".k_proj", width, width, bias: false);
                _table.Linear(layer + attention + ".v_proj", width, width, bias: false);
                _table.Linear(layer + attention + ".proj", width, width);
            }
            _table.LayerNorm(layer + "norm1", width);
            _table.LayerNorm(layer + "norm2", width);
            _table.LayerNorm(layer + "norm3", width);
            _table.Linear(layer + "mlp.0", 4 * width, width);
            _table.Linear(layer + "mlp.3", width, 4 * width);
        }
        _table.LayerNorm($"{name}.out_proj.0", width);
        _table.Linear($"{name}.out_proj.1", joint, width);
    }
}
