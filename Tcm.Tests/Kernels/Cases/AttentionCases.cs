using Tcm.Kernels.Attention;

namespace Tcm.Tests.Kernels.Cases;

internal static class AttentionCases
{
    public static IEnumerable<KernelCase> All()
    {
        yield return Separate(new(1, 1, 1, 1, 1, 1, false, 1, 1, 1));
        yield return Separate(new(2, 3, 5, 7, 8, 0.35f, false, 24, 24, 24));
        yield return Separate(new(1, 4, 1, 50, 64, 0.125f, false, 256, 256, 256));
        yield return Separate(new(1, 2, 23, 129, 17, 0.24f, false, 40, 34, 37));
        yield return Separate(new(1, 2, 49, 127, 64, 0.125f, false, 128, 128, 128));
        yield return Separate(new(3, 2, 18, 100, 6, 0.4f, false, 12, 12, 12));
        // Large logits: the softmax must subtract the maximum.
        yield return Separate(new(1, 2, 33, 261, 16, 20, false, 32, 32, 32)) with { Atol = 2e-5f };
        yield return Packed(1, 8, 18, 64, causal: true);
        yield return Packed(2, 2, 207, 8, causal: true);
        yield return Packed(1, 16, 37, 64, causal: false);
        yield return Packed(2, 4, 197, 20, causal: false);
        yield return Packed(1, 1, 270, 32, causal: true);
    }

    public static KernelCase Separate(AttentionShape s) => new($"Attention {s}",
        [
            (s.Batch * s.Queries - 1) * s.QueryStride + s.Width, (s.Batch * s.Keys - 1) * s.KeyStride + s.Width,
            (s.Batch * s.Keys - 1) * s.ValueStride + s.Width,
        ],
        s.Batch * s.Queries * s.Width,
        (backend, _, x, y) => backend.Attention.Forward(s, x[0], x[1], x[2], y));

    /// <summary>q, k and v side by side in the rows of one tensor.</summary>
    public static KernelCase Packed(int batch, int heads, int tokens, int headDim, bool causal)
    {
        int w = heads * headDim;
        var s = new AttentionShape(batch, heads, tokens, tokens, headDim, MathF.Pow(headDim, -0.5f), causal, 3 * w, 3 * w, 3 * w);
        return new($"Attention packed {s}", [batch * tokens * 3 * w], batch * tokens * w, (backend, _, x, y) =>
            backend.Attention.Forward(s, x[0], x[0].Part(w, x[0].Length - w), x[0].Part(2 * w, x[0].Length - 2 * w), y));
    }
}
