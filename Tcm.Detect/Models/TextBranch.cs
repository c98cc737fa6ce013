using Tcm.Detect.Clip;
using Tcm.Detect.Prompts;
using Tcm.Nn;

namespace Tcm.Detect.Models;

/// <summary>
/// Everything between the last stage and the score map (tcm-model.md section 1, steps 2 to 9): attention pool, language
/// prompt, text encoder, visual prompt, context decoder, matching.
/// </summary>
internal sealed class TextBranch : IDisposable
{
    private readonly TcmConfig _config;
    private readonly AttentionPool2d _pool;
    private readonly LanguagePromptGenerator? _languagePrompt;
    private readonly PromptSequence? _prompt;
    private readonly ClipTextEncoder? _encoder;
    private readonly Tensor? _cachedText, _gamma, _pixelWeight, _metaQuery, _learnedVisualGamma, _learnedLogitScale;
    private readonly PromptDecoder? _visualPrompt, _contextDecoder;
    private readonly float _visualGamma, _scoreScale = 1;
    private readonly bool _owned;

    public TextBranch(Weights weights, TcmConfig config)
    {
        _config = config;
        _owned = weights.Store is null;
        int joint = config.JointWidth;
        _pool = new AttentionPool2d(weights / "backbone" / "attnpool", config.BackboneChannels, config.PoolHeads, joint,
            config.PositionGrid);
        if (config.HasCachedText)
        {
            _cachedText = Features(weights, "text_features", 1, joint);
        }
        else
        {
            var prompt = new PromptSequence(weights, config);
            var encoder = new ClipTextEncoder(weights / "text_encoder", config.TextWidth, config.TextHeads,
                config.TextLayers, joint);
            var generator = config.LanguagePrompt
                ? new LanguagePromptGenerator(weights / "prompt_generator", joint, config.TextWidth) : null;
            if (weights.Store is not null)
            {
                (_prompt, _encoder, _languagePrompt) = (prompt, encoder, generator);
                _metaQuery = config.FastTcm ? weights.Parameter("meta_query", joint) : null;
            }
            else if (generator is null || config.FastTcm)
            {
                // No image changes the text: encode it once and let the encoder go.
                _cachedText = EncodeOnce(weights, prompt, encoder, generator);
                prompt.Dispose();
                encoder.Dispose();
                generator?.Dispose();
            }
            else
            {
                (_prompt, _encoder, _languagePrompt) = (prompt, encoder, generator);
            }
        }
        if (config.FastTcm && weights.Has("pix_w"))
        {
            _pixelWeight = _owned ? weights.Tensor("pix_w", joint, joint) : weights.Parameter("pix_w", joint, joint);
        }
        if (config.VisualPrompt)
        {
            _visualPrompt = new PromptDecoder(weights / "visual_prompt_generator", joint, config.DecoderWidth,
                config.DecoderHeads, config.DecoderLayers);
            _learnedVisualGamma = _owned ? null : weights.Parameter("vis_gamma");
            _visualGamma = weights.Read("vis_gamma")[0];
        }
        if (config.ContextDecoder)
        {
            _contextDecoder = new PromptDecoder(weights / "context_decoder", joint, config.DecoderWidth,
                config.DecoderHeads, config.DecoderLayers);
            _gamma = Features(weights, "gamma", joint);
        }
        if (config.ScaledScoreMap)
        {
            _learnedLogitScale = _owned ? null : weights.Parameter("logit_scale");
            _scoreScale = MathF.Exp(weights.Read("logit_scale")[0]);
        }
    }

    /// <summary>x3 (B,C,h,w) to the score map S (B,1,h,w) that is concatenated to it.</summary>
    public Tensor ScoreMap(Tensor x3, ForwardObserver? observer)
    {
        using var scope = TensorScope.Begin();
        int batch = x3.Shape[0], h = x3.Shape[2], w = x3.Shape[3], joint = _config.JointWidth;
        bool traced = observer is { WantsStages: true };

        observer?.BeginBlock("attention pool");
        var tokens = _pool.Forward(x3);
        var global = Functional.Narrow(tokens, 0, 1).Reshape([batch, joint]);
        var dense = Functional.Narrow(tokens, 1, h * w);
        observer?.EndBlock();
        observer?.Stage("g", global);
        TraceImage("V", dense);

        var text = TextFeature(global, observer);
        observer?.Stage("t", text);

        var visual = dense;
        if (_visualPrompt is not null)
        {
            observer?.BeginBlock("visual prompt");
            var prompt = _visualPrompt.Forward(dense, text);
            visual = _learnedVisualGamma is null ? Functional.AddScaled(dense, prompt, _visualGamma)
                : Functional.Add(dense, Functional.Multiply(prompt, _learnedVisualGamma));
            observer?.EndBlock();
            TraceImage("dV", prompt);
        }
        TraceImage("V2", visual);
        if (_contextDecoder is not null)
        {
            observer?.BeginBlock("context decoder");
            var change = _contextDecoder.Forward(text, tokens);
            text = Functional.Add(text, Functional.Multiply(change, _gamma!));
            observer?.EndBlock();
            observer?.Stage("dt", change);
        }
        observer?.Stage("t2", text);

        observer?.BeginBlock("matching");
        var score = InstanceLanguageMatching.ScoreMap(visual, text, h, w);
        if (_config.ScaledScoreMap)
        {
            score = _learnedLogitScale is null ? Functional.Affine(score, _scoreScale)
                : Functional.Multiply(score, Functional.Exp(_learnedLogitScale));
        }
        observer?.EndBlock();
        observer?.Stage("S", score);
        return scope.Keep(score);

        void TraceImage(string name, Tensor image)
        {
            if (traced)
            {
                using var inner = TensorScope.Begin();
                observer!.Stage(name, Functional.TokensToImage(image, h, w));
            }
        }
    }

    /// <summary>The text feature (joint width) of a model whose text no image changes.</summary>
    public float[] SharedText() => _cachedText?.ToArray()
        ?? throw new InvalidOperationException("the text feature of this model depends on the picture");

    public void Dispose()
    {
        foreach (var part in (IDisposable?[])[_pool, _languagePrompt, _prompt, _encoder, _visualPrompt, _contextDecoder,
            .. _owned ? (IDisposable?[])[_cachedText, _gamma, _pixelWeight] : []])
        {
            part?.Dispose();
        }
    }

    /// <summary>t (B,1,C): from the encoder for each image, or the cached feature.</summary>
    private Tensor TextFeature(Tensor global, ForwardObserver? observer)
    {
        using var scope = TensorScope.Begin();
        int batch = global.Shape[0], joint = _config.JointWidth;
        var shared = _cachedText ?? SharedTextInTraining();
        if (shared is null)
        {
            observer?.BeginBlock("language prompt");
            var offset = _languagePrompt!.Forward(global);
            observer?.EndBlock();
            observer?.Stage("cc", offset);
            observer?.BeginBlock("text encoder");
            var sequence = Functional.AddToTokens(Functional.Repeat(_prompt!.Tokens(), batch), offset);
            var encoded = _encoder!.Forward(sequence, _prompt.End);
            observer?.EndBlock();
            return scope.Keep(encoded);
        }
        var text = Functional.Repeat(shared, batch);
        return scope.Keep(_config.FastTcm ? BimodalSimilarity(global, text) : text);
    }

    /// <summary>(1,C): the text feature that no image changes, while its parts are learned; null where the image does.</summary>
    private Tensor? SharedTextInTraining()
    {
        if (_owned || (_languagePrompt is not null && !_config.FastTcm))
        {
            return null;
        }
        var sequence = Functional.Repeat(_prompt!.Tokens(), 1);
        if (_languagePrompt is not null)
        {
            sequence = Functional.AddToTokens(sequence, _languagePrompt.Forward(_metaQuery!.Reshape([1, _config.JointWidth])));
        }
        return _encoder!.Forward(sequence, _prompt.End).Reshape([1, _config.JointWidth]);
    }

    /// <summary>A tensor that inference owns and training shares with the store.</summary>
    private static Tensor Features(Weights weights, string name, params ReadOnlySpan<int> shape) => weights.Store is null
        ? weights.PersistentFeatures(weights.Read(name, shape), new Shape(shape)) : weights.Parameter(name, shape);

    /// <summary>
    /// FastTCM's bimodal similarity matching (tcm-model.md section 13): the text moves towards the image by their cosine,
    /// t' = t + (t·i) i with t and i of unit length. A vector for each image: floats in every precision.
    /// </summary>
    private Tensor BimodalSimilarity(Tensor global, Tensor text)
    {
        int batch = global.Shape[0], joint = _config.JointWidth;
        var image = Functional.ToFloat(global).Reshape([batch, 1, joint]);
        if (_pixelWeight is not null)
        {
            image = Functional.MatMul(image, Functional.Repeat(_pixelWeight, batch));
        }
        image = Functional.L2Normalize(image);
        var unit = Functional.L2Normalize(Functional.ToFloat(text));
        var cosine = Functional.MatMul(unit, image, transposeB: true);
        var moved = Functional.Add(unit, Functional.MatMul(cosine, image));
        return text.Format == TensorFormat.HalfTokens ? Functional.ToHalfTokens(moved) : moved;
    }

    /// <summary>(1,C): the text feature that no image changes; with FastTCM the meta query takes the image's place.</summary>
    private static Tensor EncodeOnce(Weights weights, PromptSequence prompt, ClipTextEncoder encoder,
        LanguagePromptGenerator? generator)
    {
        using var scope = TensorScope.Begin();
        var sequence = Functional.Repeat(prompt.Tokens(), 1);
        if (generator is not null)
        {
            float[] query = weights.Read("meta_query");
            using var meta = weights.PersistentFeatures(query, [1, query.Length]);
            sequence = Functional.AddToTokens(sequence, generator.Forward(meta));
        }
        var feature = encoder.Forward(sequence, prompt.End);
        return weights.PersistentFeatures(feature.ToArray(), [1, feature.Shape[2]]);
    }
}
