using Tcm.Kernels;
using Tcm.Nn;
using Tcm.Nn.Layers;

namespace Tcm.Detect.Prompts;

/// <summary>LG (paper section 3.3, tcm-model.md section 7): the image's embedding as an offset of every text token.</summary>
internal sealed class LanguagePromptGenerator(Weights weights, int width, int tokenWidth) : IDisposable
{
    private readonly LayerNorm _norm1 = new(weights / "prompt_proj", "0", width);
    private readonly Linear _hidden = new(weights / "prompt_proj", "1", width, width, Activation.Relu);
    private readonly LayerNorm _norm2 = new(weights / "prompt_proj", "3", width);
    private readonly Linear _output = new(weights / "prompt_proj", "4", tokenWidth, width);

    /// <summary>g (B,C) to cc (B,tokenWidth).</summary>
    public Tensor Forward(Tensor g)
    {
        using var scope = TensorScope.Begin();
        return scope.Keep(_output.Forward(_norm2.Forward(_hidden.Forward(_norm1.Forward(g)))));
    }

    public void Dispose()
    {
        _norm1.Dispose();
        _hidden.Dispose();
        _norm2.Dispose();
        _output.Dispose();
    }
}
