using Tcm.Kernels;
using Tcm.Kernels.Attention;
using Tcm.Kernels.Normalization;
using Tcm.Kernels.Resampling;

namespace Tcm.Tests.Kernels.Cases;

/// <summary>
/// The gradients of every operation but the convolutions. Where an operation has several results, they lie behind each other in
/// the case's output.
/// </summary>
internal static class GradientCases
{
    public static IEnumerable<KernelCase> All() =>
        [.. Maps(), .. Rows(), .. BatchNorms(), .. Images(), .. Embeddings(), .. Attentions()];

    private static IEnumerable<KernelCase> Maps()
    {
        foreach (int n in new[] { 1, 5, 8, 17, 1021 })
        {
            foreach (var activation in Enum.GetValues<Activation>())
            {
                yield return new($"{activation} gradient {n}", [n, n], n, (b, _, x, dx) =>
                {
                    // The result of the forward pass, which some derivatives are made of.
                    b.Elementwise.Activate(activation, x[0], dx);
                    b.Elementwise.ActivateBackward(activation, x[0], dx, x[1], dx);
                })
                { Range = 4, Atol = 4e-6f };
            }
        }
    }

    private static IEnumerable<KernelCase> Rows() =>
        from s in new[] { (1, 1), (5, 8), (7, 15), (3, 33), (35, 64), (2, 127), (6, 1024), (300, 20) }
        from kernelCase in Rows(s.Item1, s.Item2)
        select kernelCase;

    public static IEnumerable<KernelCase> Rows(int rows, int columns)
    {
        int n = rows * columns;
        yield return LayerNorm(rows, columns);
        yield return new($"L2Normalize gradient ({rows},{columns})", [n, n], n, (b, _, x, y) =>
            b.Normalization.L2NormalizeBackward(rows, columns, 1e-12f, x[0], x[1], y))
        { Atol = 5e-6f };
        yield return new($"L2Normalize gradient, small norm ({rows},{columns})", [n, n], n, (b, _, x, y) =>
            b.Normalization.L2NormalizeBackward(rows, columns, 1e3f, x[0], x[1], y));
        yield return new($"Softmax gradient ({rows},{columns})", [n, n], n, (b, _, x, y) =>
            b.Normalization.SoftmaxBackward(rows, columns, x[0], x[1], y))
        { Atol = 2e-5f };
    }

    public static KernelCase LayerNorm(int rows, int columns)
    {
        int n = rows * columns;
        return new($"LayerNorm gradient ({rows},{columns})", [n, columns, n], n + (2 * columns), (b, _, x, y) =>
            b.Normalization.LayerNormBackward(rows, columns, 1e-5f, x[0], x[1], x[2], y.Part(0, n), y.Part(n, columns),
                y.Part(n + columns, columns)))
        { Atol = 2e-5f };
    }

    private static IEnumerable<KernelCase> BatchNorms() =>
        from s in new[] { (2, 3, 5), (1, 8, 64), (3, 17, 33), (4, 5, 1), (2, 2, 900) }
        from training in new[] { true, false }
        from activation in new[] { Activation.None, Activation.Relu }
        from kernelCase in BatchNorm(s.Item1, s.Item2, s.Item3, training, activation)
        select kernelCase;

    public static IEnumerable<KernelCase> BatchNorm(int images, int channels, int pixels, bool training, Activation activation)
    {
        var shape = new BatchNormShape(images, channels, pixels, 1e-5f, 0.1f, training);
        int n = (int)shape.Length;
        // y, mean, 1/std, running mean and variance.
        yield return new($"BatchNorm2d {shape} {activation}", [n, channels, channels, n], n + (4 * channels), (b, _, x, y) =>
        {
            var (result, mean, spread) = (y.Part(0, n), y.Part(n, channels), y.Part(n + channels, channels));
            var (average, variance) = (y.Part(n + (2 * channels), channels), y.Part(n + (3 * channels), channels));
            b.Fill(variance, 0.7f);
            b.BatchNormalization.Forward(shape, activation, x[0], x[1], x[2], x[3], average, variance, result, mean, spread);
        })
        { Atol = 1e-5f };
        // dx, dgamma, dbeta, and dy behind the activation.
        yield return new($"BatchNorm2d gradient {shape} {activation}", [n, n, channels, channels, n], (2 * n) + (4 * channels),
            (b, _, x, y) =>
            {
                var (dx, dy) = (y.Part(0, n), y.Part(n, n));
                Slice Vector(int i) => y.Part((2 * n) + (i * channels), channels);
                b.Copy(x[4], dy);
                b.Fill(Vector(3), 1.3f);
                b.BatchNormalization.Backward(shape, activation, x[0], x[1], x[2], x[3], Vector(3), dy, dx, Vector(0), Vector(1));
            })
        { Atol = 3e-5f };
    }

    private static IEnumerable<KernelCase> Images()
    {
        foreach (var (planes, h, w, kernel) in new[] { (1, 2, 2, 2), (3, 5, 7, 2), (2, 16, 33, 2), (2, 9, 10, 3), (3, 7, 7, 7) })
        {
            yield return new($"AvgPool2d gradient {planes}x{h}x{w} by {kernel}", [planes * (h / kernel) * (w / kernel)],
                planes * h * w, (b, _, x, y) => b.Pooling.Backward(planes, h, w, kernel, x[0], y));
        }
        foreach (var shape in new ResizeShape[]
        {
            new(1, 1, 1, 1, 5, 3), new(1, 1, 2, 2, 3, 4), new(2, 3, 5, 7, 10, 14), new(1, 2, 10, 10, 40, 40), new(1, 3, 7, 5, 11, 13),
            new(2, 2, 13, 11, 7, 5), new(1, 2, 9, 9, 9, 9), new(2, 3, 4, 5, 8, 10, 3 * 8 * 10 + 29), new(1, 1, 40, 3, 20, 6),
        })
        {
            int input = shape.N * shape.C * shape.InH * shape.InW;
            int output = (int)((shape.N - 1) * shape.OutputStride) + shape.C * shape.OutH * shape.OutW;
            foreach (var mode in Enum.GetValues<ResizeMode>())
            {
                yield return new($"{mode} gradient {shape}", [output], input,
                    (b, _, x, y) => b.Resampling.ResizeBackward(mode, shape, x[0], y))
                { Atol = 1e-5f };
            }
        }
    }

    private static IEnumerable<KernelCase> Embeddings()
    {
        int[] ids = [4, 0, 4, 9, 1, 1, 7, 4];
        foreach (int width in new[] { 1, 5, 64, 513 })
        {
            yield return new($"Embedding gradient width {width}", [ids.Length * width], 11 * width,
                (b, _, x, y) => b.Indexing.ScatterAddRows(11, width, x[0], ids, y));
        }
    }

    private static IEnumerable<KernelCase> Attentions()
    {
        yield return PackedAttention(1, 1, 1, 1, causal: false);
        yield return PackedAttention(2, 3, 5, 8, causal: false);
        yield return PackedAttention(1, 2, 18, 6, causal: true);
        yield return PackedAttention(1, 2, 37, 17, causal: false);
        yield return PackedAttention(2, 1, 70, 20, causal: true);
        yield return CrossAttention(new(2, 3, 5, 7, 8, 0.35f, false, 24, 48, 48));
        yield return CrossAttention(new(1, 2, 23, 129, 17, 0.24f, false, 34, 68, 68));
        yield return CrossAttention(new(1, 4, 1, 50, 16, 0.25f, false, 64, 128, 128));
    }

    /// <summary>q, k and v side by side in the rows of one tensor, and so their gradients.</summary>
    public static KernelCase PackedAttention(int batch, int heads, int tokens, int headDim, bool causal)
    {
        int w = heads * headDim, n = batch * tokens * 3 * w;
        var s = new AttentionShape(batch, heads, tokens, tokens, headDim, MathF.Pow(headDim, -0.5f), causal, 3 * w, 3 * w, 3 * w);
        return new($"Attention gradient, packed {s}", [n, batch * tokens * w], n, (b, _, x, y) => b.Attention.Backward(s, x[0],
            x[0].Part(w, n - w), x[0].Part(2 * w, n - (2 * w)), x[1], y, y.Part(w, n - w), y.Part(2 * w, n - (2 * w))))
        { Atol = 5e-6f };
    }

    /// <summary>k and v side by side.</summary>
    public static KernelCase CrossAttention(AttentionShape s)
    {
        int queries = s.Batch * s.Queries * s.Width, keys = s.Batch * s.Keys * 2 * s.Width;
        return new($"Attention gradient {s}", [queries, keys, queries], queries + keys, (b, _, x, y) =>
        {
            var (dq, dkv) = (y.Part(0, queries), y.Part(queries, keys));
            b.Attention.Backward(s, x[0], x[1], x[1].Part(s.Width, keys - s.Width), x[2], dq, dkv, dkv.Part(s.Width, keys - s.Width));
        })
        { Atol = 5e-6f };
    }
}
