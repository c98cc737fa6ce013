using Tcm.Detect.Models;
using Tcm.Nn;

namespace Tcm.Detect.Prompts;

/// <summary>
/// The text encoder's input (tcm-model.md section 6): start token, learnable tokens, the words of the fixed prompt, end
/// token, each plus its position embedding. Embedded once, or at every call while training.
/// </summary>
internal sealed class PromptSequence : IDisposable
{
    private readonly TcmConfig _config;
    private readonly Tensor? _embedded, _contexts, _table, _positions;
    private readonly int[] _rows = [];

    /// <param name="weights">The model's root in the checkpoint.</param>
    /// <param name="config">Prompt mode, token ids, sizes.</param>
    public PromptSequence(Weights weights, TcmConfig config)
    {
        _config = config;
        int width = config.TextWidth, length = config.TextLength, learnable = config.LearnableTokens;
        bool hasWords = config.PromptMode != PromptMode.LearnableOnly;
        End = hasWords ? learnable + config.PromptTokenIds.Count - 1 : length - 1;
        _rows = hasWords ? WordRows(config) : [];
        var text = weights / "text_encoder";
        if (weights.Store is null)
        {
            _embedded = weights.PersistentFeatures(Embed(weights, text.Read("positional_embedding", length, width)), [length, width]);
            return;
        }
        _positions = text.Parameter("positional_embedding", length, width);
        _contexts = learnable > 0 ? weights.Parameter("contexts", 1, learnable, width) : null;
        if (hasWords)
        {
            int rows = config.StoredTokenIds.Count > 0 ? config.StoredTokenIds.Count : TcmConfig.VocabularySize;
            _table = (text / "token_embedding").Parameter("weight", rows, width);
        }
    }

    /// <summary>Position of the end token, whose feature stands for the text.</summary>
    public int End { get; }

    /// <summary>(L, width): embeddings plus positions.</summary>
    public Tensor Tokens()
    {
        if (_embedded is not null)
        {
            return _embedded;
        }
        using var scope = TensorScope.Begin();
        int width = _config.TextWidth;
        Tensor sequence;
        if (_table is null)
        {
            sequence = _contexts!;
        }
        else
        {
            sequence = Functional.Embedding(_table, _rows).Reshape([1, _rows.Length, width]);
            if (_contexts is not null)
            {
                var start = Functional.Concat(Functional.Narrow(sequence, 0, 1), _contexts);
                sequence = Functional.Concat(start, Functional.Narrow(sequence, 1, _rows.Length - 1));
            }
        }
        return scope.Keep(Functional.Add(sequence.Reshape([_config.TextLength, width]), _positions!));
    }

    public void Dispose() => _embedded?.Dispose();

    /// <summary>Rows of the stored table for the words without the learnable tokens; past the end CLIP pads with token 0.</summary>
    private static int[] WordRows(TcmConfig config)
    {
        var ids = config.PromptTokenIds;
        var rows = new int[config.TextLength - config.LearnableTokens];
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i] = config.TokenRow(i < ids.Count ? ids[i] : 0);
        }
        return rows;
    }

    private float[] Embed(Weights weights, float[] sequence)
    {
        int width = _config.TextWidth, learnable = _config.LearnableTokens, row = 0;
        float[] contexts = learnable > 0 ? weights.Read("contexts", 1, learnable, width) : [];
        int first = _rows.Length > 0 ? 1 : 0;
        var table = weights / "text_encoder" / "token_embedding";
        var token = new float[width];
        for (int position = 0; position < _config.TextLength; position++)
        {
            int context = position - first;
            if (context >= 0 && context < learnable)
            {
                contexts.AsSpan(context * width, width).CopyTo(token);
            }
            else
            {
                table.ReadRow("weight", _rows[row++], token);
            }
            for (int i = 0; i < width; i++)
            {
                sequence[(position * width) + i] += token[i];
            }
        }
        return sequence;
    }
}
