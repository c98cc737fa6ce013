using Tcm.Kernels;
using Tcm.Nn;
using Tcm.Nn.Layers;

namespace Tcm.Detect.Prompts;

/// <summary>
/// The pre-norm transformer decoder behind both the visual prompt generator and the context decoder (tcm-model.md
/// section 8): self-attention of the queries, cross-attention to the memory, an MLP.
/// </summary>
internal sealed class PromptDecoder : IDisposable
{
    private readonly LayerNorm _memoryNorm, _memoryNorm2, _queryNorm, _outputNorm;
    private readonly Linear _memoryProjection, _queryProjection, _outputProjection;
    private readonly Layer[] _layers;

    /// <param name="weights">The decoder's place in the checkpoint.</param>
    /// <param name="joint">Width of queries, memory and result.</param>
    /// <param name="width">Width inside.</param>
    /// <param name="heads">Attention heads.</param>
    /// <param name="layers">Layers.</param>
    public PromptDecoder(Weights weights, int joint, int width, int heads, int layers)
    {
        _memoryNorm = new LayerNorm(weights / "memory_proj", "0", joint);
        _memoryProjection = new Linear(weights / "memory_proj", "1", width, joint);
        _memoryNorm2 = new LayerNorm(weights / "memory_proj", "2", width);
        _queryNorm = new LayerNorm(weights / "text_proj", "0", joint);
        _queryProjection = new Linear(weights / "text_proj", "1", width, joint);
        _layers = new Layer[layers];
        for (int i = 0; i < layers; i++)
        {
            _layers[i] = new Layer(weights / "decoder" / $"{i}", width, heads);
        }
        _outputNorm = new LayerNorm(weights / "out_proj", "0", width);
        _outputProjection = new Linear(weights / "out_proj", "1", joint, width);
    }

    /// <summary>queries (B,Nq,joint), memory (B,Nm,joint) to (B,Nq,joint).</summary>
    public Tensor Forward(Tensor queries, Tensor memory)
    {
        using var scope = TensorScope.Begin();
        var m = _memoryNorm2.Forward(_memoryProjection.Forward(_memoryNorm.Forward(memory)));
        var x = _queryProjection.Forward(_queryNorm.Forward(queries));
        foreach (var layer in _layers)
        {
            x = layer.Forward(x, m);
        }
        return scope.Keep(_outputProjection.Forward(_outputNorm.Forward(x)));
    }

    public void Dispose()
    {
        foreach (IDisposable part in (IDisposable[])[_memoryNorm, _memoryNorm2, _queryNorm, _outputNorm, _memoryProjection,
            _queryProjection, _outputProjection, .. _layers])
        {
            part.Dispose();
        }
    }

    private sealed class Layer(Weights weights, int width, int heads) : IDisposable
    {
        private readonly LayerNorm _norm1 = new(weights, "norm1", width), _norm2 = new(weights, "norm2", width),
            _norm3 = new(weights, "norm3", width);
        private readonly Linear _selfQkv = Linear.Stack(weights / "self_attn", ["q_proj", "k_proj", "v_proj"], width, width);
        private readonly Linear _selfOutput = new(weights / "self_attn", "proj", width, width);
        private readonly Linear _crossQuery = new(weights / "cross_attn", "q_proj", width, width);
        private readonly Linear _crossKeyValue = Linear.Stack(weights / "cross_attn", ["k_proj", "v_proj"], width, width);
        private readonly Linear _crossOutput = new(weights / "cross_attn", "proj", width, width);
        private readonly Linear _expand = new(weights / "mlp", "0", 4 * width, width, Activation.Gelu);
        private readonly Linear _contract = new(weights / "mlp", "3", width, 4 * width);

        public Tensor Forward(Tensor x, Tensor memory)
        {
            using var scope = TensorScope.Begin();
            var attended = Functional.PackedAttention(_selfQkv.Forward(_norm1.Forward(x)), heads);
            x = _selfOutput.Forward(attended, residual: x);
            x = CrossAttention(x, memory);
            return scope.Keep(_contract.Forward(_expand.Forward(_norm3.Forward(x)), residual: x));
        }

        private Tensor CrossAttention(Tensor x, Tensor memory)
        {
            var keyValue = _crossKeyValue.Forward(memory);
            if (memory.Shape[1] > 1)
            {
                var attended = Functional.CrossAttention(_crossQuery.Forward(_norm2.Forward(x)), keyValue, heads);
                return _crossOutput.Forward(attended, residual: x);
            }
            // One memory token: the softmax over one key is 1, so every query receives that token's value and neither the
            // queries nor the keys matter (tcm-model.md section 8).
            var s = x.Shape;
            var value = Functional.Narrow(keyValue.Reshape([s[0], 2, s[2]]), 1, 1);
            return Functional.AddToTokens(x, _crossOutput.Forward(value).Reshape([s[0], s[2]]));
        }

        public void Dispose()
        {
            foreach (IDisposable part in (IDisposable[])[_norm1, _norm2, _norm3, _selfQkv, _selfOutput, _crossQuery,
                _crossKeyValue, _crossOutput, _expand, _contract])
            {
                part.Dispose();
            }
        }
    }
}
