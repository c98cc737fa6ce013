using Tcm.Detect.Models;
using Tcm.Nn;

namespace Tcm.Detect.Prompts;

/// <summary>
/// The text encoder's input, embedded once (tcm-model.md section 6): start token, learnable tokens, the words of the fixed
/// prompt, end token, each plus its position embedding.
/// </summary>
internal sealed class PromptSequence : IDisposable
{
    /// <param name="weights">The model's root in the checkpoint.</param>
    /// <param name="config">Prompt mode, token ids, sizes.</param>
    public PromptSequence(Weights weights, TcmConfig config)
    {
        int width = config.TextWidth, length = config.TextLength;
        var sequence = new float[length * width];
        float[] contexts = config.LearnableTokens > 0 ? weights.Read("contexts", 1, config.LearnableTokens, width) : [];
        if (config.PromptMode == PromptMode.LearnableOnly)
        {
            contexts.CopyTo(sequence, 0);
            End = length - 1;
        }
        else
        {
            FillPredefined(weights, config, contexts, sequence);
        }
        var text = weights / "text_encoder";
        float[] positions = text.Read("positional_embedding", length, width);
        for (int i = 0; i < sequence.Length; i++)
        {
            sequence[i] += positions[i];
        }
        Tokens = weights.Persistent(sequence, [length, width]);
    }

    /// <summary>(L, width): embeddings plus positions.</summary>
    public Tensor Tokens { get; }

    /// <summary>Position of the end token, whose feature stands for the text.</summary>
    public int End { get; private set; }

    public void Dispose() => Tokens.Dispose();

    private void FillPredefined(Weights weights, TcmConfig config, float[] contexts, float[] sequence)
    {
        int width = config.TextWidth, learnable = config.LearnableTokens;
        var ids = config.PromptTokenIds;
        var rows = weights / "text_encoder" / "token_embedding";
        for (int position = 0; position < config.TextLength; position++)
        {
            var target = sequence.AsSpan(position * width, width);
            if (position >= 1 && position <= learnable)
            {
                contexts.AsSpan((position - 1) * width, width).CopyTo(target);
                continue;
            }
            // Learnable tokens stand between the start token and the words; past the end token CLIP pads with token 0.
            int word = position == 0 ? 0 : position - learnable;
            int id = word < ids.Count ? ids[word] : 0;
            rows.ReadRow("weight", config.TokenRow(id), target);
        }
        End = learnable + ids.Count - 1;
    }
}
