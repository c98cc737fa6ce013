using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Losses;

/// <summary>Up to three sums over a map.</summary>
internal readonly record struct TermSums(double A, double B, double C);

/// <summary>The summands of a loss at one pixel, from prediction, target and mask.</summary>
internal interface ILossTerms
{
    static abstract (T A, T B, T C) Of<T>(T p, T t, T m) where T : struct, IFloatVector<T>;
}

/// <summary>The derivative of a loss at one pixel.</summary>
internal interface ILossSlope
{
    T Of<T>(T p, T t, T m) where T : struct, IFloatVector<T>;
}

/// <summary>p t m, p m, t m with t 0 or 1</summary>
internal readonly struct DiceTerms : ILossTerms
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (T A, T B, T C) Of<T>(T p, T t, T m) where T : struct, IFloatVector<T>
    {
        T pm = p * m, positive = T.SelectGreater(t, T.Create(0f), T.Create(1f), T.Create(0f));
        return (pm * positive, pm, positive * m);
    }
}

/// <summary>m (everywhere + positive t): the derivative of -2 A / (B + C)</summary>
internal readonly struct DiceSlope(float everywhere, float positive) : ILossSlope
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Of<T>(T p, T t, T m) where T : struct, IFloatVector<T> =>
        m * T.SelectGreater(t, T.Create(0f), T.Create(everywhere + positive), T.Create(everywhere));
}

/// <summary>|p - t| m, m</summary>
internal readonly struct AbsoluteTerms : ILossTerms
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (T A, T B, T C) Of<T>(T p, T t, T m) where T : struct, IFloatVector<T> => (T.Abs(p - t) * m, m, T.Create(0f));
}

/// <summary>scale m sign(p - t), 0 where both are equal</summary>
internal readonly struct AbsoluteSlope(float scale) : ILossSlope
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Of<T>(T p, T t, T m) where T : struct, IFloatVector<T>
    {
        T zero = T.Create(0f), value = T.Create(scale);
        return m * (T.SelectGreater(p, t, value, zero) - T.SelectGreater(t, p, value, zero));
    }
}

/// <summary>m e(p, t) with the cross-entropy of logits</summary>
internal readonly struct EntropyTerms : ILossTerms
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (T A, T B, T C) Of<T>(T p, T t, T m) where T : struct, IFloatVector<T> =>
        (LogitEntropy.Evaluate(p, t).Loss * m, T.Create(0f), T.Create(0f));
}

/// <summary>scale m e'(p, t)</summary>
internal readonly struct EntropySlope(float scale) : ILossSlope
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Of<T>(T p, T t, T m) where T : struct, IFloatVector<T> => LogitEntropy.Evaluate(p, t).Slope * m * T.Create(scale);
}

/// <summary>m s(p - t) with s(d) = c (|d| - c / 2), c = min(|d|, 1)</summary>
internal readonly struct SmoothTerms : ILossTerms
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (T A, T B, T C) Of<T>(T p, T t, T m) where T : struct, IFloatVector<T>
    {
        T distance = T.Abs(p - t), capped = T.Min(T.Create(1f), distance);
        return (capped * (distance - capped * T.Create(0.5f)) * m, T.Create(0f), T.Create(0f));
    }
}

/// <summary>scale m max(-1, min(1, p - t))</summary>
internal readonly struct SmoothSlope(float scale) : ILossSlope
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Of<T>(T p, T t, T m) where T : struct, IFloatVector<T> =>
        T.Max(T.Create(-1f), T.Min(T.Create(1f), p - t)) * m * T.Create(scale);
}

/// <summary>Sums of a map's terms, one result for each chunk: vectors of partial sums over blocks, blocks in double.</summary>
internal unsafe struct CpuMapSums<T, TTerms>(LossMaps maps, TermSums* sums) : IJob
    where T : struct, IFloatVector<T> where TTerms : struct, ILossTerms
{
    private const int Chunk = 16384, Block = 1024;

    public static int Chunks(long length) => checked((int)((length + Chunk - 1) / Chunk));

    public void Start(ThreadTeam team, int chunks) => team.Run(chunks, ref this);

    public readonly void Run(int task)
    {
        long start = (long)task * Chunk, end = Math.Min(maps.Length, start + Chunk);
        double a = 0, b = 0, c = 0;
        for (; start < end; start += Block)
        {
            var block = SumBlock(start, (nint)Math.Min(Block, end - start));
            a += block.A;
            b += block.B;
            c += block.C;
        }
        sums[task] = new(a, b, c);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly (float A, float B, float C) SumBlock(long start, nint count)
    {
        float* p = maps.Prediction + start, t = maps.Target + start, m = maps.Mask + start;
        T a = T.Create(0f), b = a, c = a;
        nint i = 0;
        for (; i <= count - T.Count; i += T.Count)
        {
            var terms = TTerms.Of(T.Load(p + i), T.Load(t + i), T.Load(m + i));
            a += terms.A;
            b += terms.B;
            c += terms.C;
        }
        if (i < count)
        {
            // The last values alone, padded with zeros, whose terms are zero.
            float* rest = stackalloc float[3 * 16];
            new Span<float>(rest, 3 * 16).Clear();
            for (nint j = 0; i + j < count; j++)
            {
                (rest[j], rest[16 + j], rest[32 + j]) = (p[i + j], t[i + j], m[i + j]);
            }
            var terms = TTerms.Of(T.Load(rest), T.Load(rest + 16), T.Load(rest + 32));
            a += terms.A;
            b += terms.B;
            c += terms.C;
        }
        return (T.Sum(a), T.Sum(b), T.Sum(c));
    }
}

/// <summary>gradient = slope(p, t, m)</summary>
internal unsafe struct CpuMapSlope<T, TSlope>(LossMaps maps, TSlope slope) : IJob
    where T : struct, IFloatVector<T> where TSlope : struct, ILossSlope
{
    private const int Chunk = 16384;

    public void Start(ThreadTeam team) => team.Run(checked((int)((maps.Length + Chunk - 1) / Chunk)), ref this);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run(int task)
    {
        long start = (long)task * Chunk;
        nint count = (nint)Math.Min(Chunk, maps.Length - start), i = 0;
        float* p = maps.Prediction + start, t = maps.Target + start, m = maps.Mask + start, g = maps.Gradient + start;
        TSlope at = slope;
        for (; i <= count - T.Count; i += T.Count)
        {
            at.Of(T.Load(p + i), T.Load(t + i), T.Load(m + i)).Store(g + i);
        }
        if (i < count)
        {
            at.Of(T.Load(p + i), T.Load(t + i), T.Load(m + i)).StorePart(g + i, count - i);
        }
    }
}
