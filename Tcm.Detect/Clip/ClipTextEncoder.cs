using Tcm.Kernels;
using Tcm.Nn;
using Tcm.Nn.Layers;

namespace Tcm.Detect.Clip;

/// <summary>
/// CLIP's text transformer (tcm-model.md section 6): pre-norm blocks with causal attention and QuickGELU, a final LayerNorm
/// of one position, a projection to the joint embedding.
/// </summary>
internal sealed class ClipTextEncoder : IDisposable
{
    private readonly Block[] _blocks;
    private readonly LayerNorm _finalNorm;
    private readonly Linear _projection;

    /// <param name="weights">The text encoder's place in the checkpoint.</param>
    /// <param name="width">Token width.</param>
    /// <param name="heads">Attention heads.</param>
    /// <param name="layers">Blocks.</param>
    /// <param name="outputWidth">Width of the joint embedding.</param>
    public ClipTextEncoder(Weights weights, int width, int heads, int layers, int outputWidth)
    {
        _blocks = new Block[layers];
        for (int i = 0; i < layers; i++)
        {
            _blocks[i] = new Block(weights / "transformer" / "resblocks" / $"{i}", width, heads);
        }
        _finalNorm = new LayerNorm(weights, "ln_final", width);
        _projection = Linear.FromTransposed(weights, "text_projection", outputWidth, width);
    }

    /// <summary>Embedded tokens with positions (B,L,width) to the feature of position <paramref name="end"/>: (B,1,C).</summary>
    public Tensor Forward(Tensor tokens, int end)
    {
        using var scope = TensorScope.Begin();
        var x = tokens;
        foreach (var block in _blocks)
        {
            x = block.Forward(x);
        }
        return scope.Keep(_projection.Forward(_finalNorm.Forward(Functional.Narrow(x, end, 1))));
    }

    public void Dispose()
    {
        foreach (var block in _blocks)
        {
            block.Dispose();
        }
        _finalNorm.Dispose();
        _projection.Dispose();
    }

    private sealed class Block(Weights weights, int width, int heads) : IDisposable
    {
        private readonly LayerNorm _norm1 = new(weights, "ln_1", width), _norm2 = new(weights, "ln_2", width);
        private readonly Linear _qkv = Linear.FromTensors(weights / "attn", "in_proj_weight", "in_proj_bias", 3 * width, width);
        private readonly Linear _output = new(weights / "attn", "out_proj", width, width);
        private readonly Linear _expand = new(weights / "mlp", "c_fc", 4 * width, width, Activation.QuickGelu);
        private readonly Linear _contract = new(weights / "mlp", "c_proj", width, 4 * width);

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Begin();
            var attended = Functional.PackedAttention(_qkv.Forward(_norm1.Forward(x)), heads, causal: true);
            x = _output.Forward(attended, residual: x);
            return scope.Keep(_contract.Forward(_expand.Forward(_norm2.Forward(x)), residual: x));
        }

        public void Dispose()
        {
            _norm1.Dispose();
            _norm2.Dispose();
            _qkv.Dispose();
            _output.Dispose();
            _expand.Dispose();
            _contract.Dispose();
        }
    }
}
