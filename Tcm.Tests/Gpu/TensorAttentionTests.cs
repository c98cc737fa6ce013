using Tcm.Kernels;
using Tcm.Kernels.Attention;
using Tcm.Tests.Kernels.Cases;

namespace Tcm.Tests.Gpu;

/// <summary>
/// Attention on tensor cores. Queries and keys of six bits make exact scores; values of six bits leave the weights,
/// rounded to the format, as the only error: one unit of a weight, weights that sum to 1, values of up to 1, in the result and in
/// its divisor.
/// </summary>
[Collection(SimulatorCollection.Name)]
public sealed class TensorAttentionTests
{
    public static TheoryData<Precision, int, int, int, bool> Shapes => new()
    {
        // Two blocks of queries and two tiles of keys with edges in both; full heads and narrow ones that no wide load serves.
        { Precision.Fp16, 66, 66, 64, true },
        { Precision.Tf32, 3, 41, 64, false },
        { Precision.Bf16, 17, 33, 7, false },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Attention_is_exact_but_for_the_weights(Precision precision, int queries, int keys, int headDim, bool causal)
    {
        const int heads = 2;
        int width = heads * headDim;
        var shape = new AttentionShape(1, heads, queries, keys, headDim, 0.25f, causal, width, 2 * width, 2 * width);
        float[] q = Coarse(queries * width, 1), kv = Coarse(keys * 2 * width, 2);
        using var backend = GpuParityTests.Simulator(precision);
        using var x = backend.Allocate(q.Length);
        using var memory = backend.Allocate(kv.Length);
        using var y = backend.Allocate(q.Length);
        backend.Upload(q, x.All);
        backend.Upload(kv, memory.All);
        backend.Attention.Forward(shape, x.All, memory.All, memory.All.Part(width, kv.Length - width), y.All);
        var actual = new float[q.Length];
        backend.Download(y.All, actual);
        double unit = precision == Precision.Bf16 ? Math.Pow(2, -8) : Math.Pow(2, -11);
        for (int i = 0; i < actual.Length; i++)
        {
            double expected = Expected(shape, q, kv, i);
            Assert.True(Math.Abs(actual[i] - expected) <= 2 * unit + 1e-5, $"value {i} is {actual[i]}, expected {expected}");
        }
        Assert.Same(TensorAttentionKernels.Of(precision), Assert.Single(backend.LoadedKernels));
    }

    private static double Expected(AttentionShape s, float[] q, float[] kv, int i)
    {
        int query = i / s.Width, column = i % s.Width, first = column / s.HeadDim * s.HeadDim;
        int visible = s.Causal ? query + 1 : s.Keys;
        var scores = new double[visible];
        for (int key = 0; key < visible; key++)
        {
            for (int d = 0; d < s.HeadDim; d++)
            {
                scores[key] += (double)q[query * s.Width + first + d] * kv[key * 2 * s.Width + first + d] * s.Scale;
            }
        }
        double max = scores.Max(), sum = scores.Sum(v => Math.Exp(v - max));
        return scores.Select((v, key) => Math.Exp(v - max) / sum * kv[key * 2 * s.Width + s.Width + column]).Sum();
    }

    private static float[] Coarse(int length, int seed) =>
        [.. KernelCase.Values(length, seed).Select(v => MathF.Round(v * 32) / 32)];
}
