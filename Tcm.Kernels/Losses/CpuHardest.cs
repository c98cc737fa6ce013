using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Losses;

/// <summary>
/// Which negatives count: those whose difficulty is above <paramref name="Threshold"/>, and the first ones equal to it, as
/// each chunk's <see cref="ChunkCount.Ties"/> says.
/// </summary>
internal readonly record struct HardestCut(long Positives, long Negatives, float Threshold);

/// <summary>What is counted in one chunk.</summary>
internal unsafe struct ChunkCount
{
    public const int Bins = 2048;

    /// <summary>Sum of the chunk's losses.</summary>
    public double Loss;

    public int Positives;

    /// <summary>Values from the chunk's start within which negatives equal to the threshold count.</summary>
    public int Ties;

    public fixed int Histogram[Bins];
}

/// <summary>
/// Finds the n hardest negatives by radix selection: the difficulty's bits, in the order of the numbers, are counted in
/// three digits from the top, each pass over the values that share the digits found so far. Nothing is sorted or copied, and
/// counts are integers, so the result is exact whatever the threads do.
/// </summary>
internal static unsafe class CpuHardest<TEntropy> where TEntropy : struct, IEntropy
{
    private static ReadOnlySpan<int> Shifts => [21, 10, 0];

    public static HardestCut Find(ThreadTeam team, LossMaps maps, NegativeQuota quota, ChunkCount* counts, int chunks)
    {
        var job = new CountJob { Maps = maps, Counts = counts, Shift = Shifts[0] };
        team.Run(chunks, ref job);
        long positives = 0, candidates = 0;
        for (int i = 0; i < chunks; i++)
        {
            positives += counts[i].Positives;
            for (int bin = 0; bin < ChunkCount.Bins; bin++)
            {
                candidates += counts[i].Histogram[bin];
            }
        }
        // Each mask has been seen once with every image.
        positives /= maps.Images;
        long negatives = quota.Of(positives, candidates / maps.Images);
        if (negatives == 0 || negatives == candidates)
        {
            return new(positives, negatives, negatives == 0 ? float.PositiveInfinity : float.NegativeInfinity);
        }
        long wanted = negatives;
        int digit = Pick(counts, chunks, ref wanted);
        for (int pass = 1; pass < Shifts.Length; pass++)
        {
            job.Prefix |= (uint)digit << job.Shift;
            job.PrefixMask = uint.MaxValue << job.Shift;
            job.Shift = Shifts[pass];
            team.Run(chunks, ref job);
            digit = Pick(counts, chunks, ref wanted);
        }
        float threshold = FromKey(job.Prefix | (uint)digit);
        ShareTies(maps, counts, chunks, digit, wanted, threshold);
        return new(positives, negatives, threshold);
    }

    /// <summary>The digit that holds the wanted-th largest value, and how many of its values are wanted.</summary>
    private static int Pick(ChunkCount* counts, int chunks, ref long wanted)
    {
        for (int bin = ChunkCount.Bins - 1; ; bin--)
        {
            long count = 0;
            for (int i = 0; i < chunks; i++)
            {
                count += counts[i].Histogram[bin];
            }
            if (count >= wanted)
            {
                return bin;
            }
            wanted -= count;
        }
    }

    /// <summary>The first <paramref name="wanted"/> of the values equal to the threshold count.</summary>
    private static void ShareTies(LossMaps maps, ChunkCount* counts, int chunks, int digit, long wanted, float threshold)
    {
        for (int i = 0; i < chunks; i++)
        {
            int here = counts[i].Histogram[digit];
            var chunk = new LossChunk(maps, i);
            counts[i].Ties = wanted >= here ? chunk.Count : wanted == 0 ? 0 : Position(chunk, (int)wanted, threshold);
            wanted -= Math.Min(wanted, here);
        }
    }

    /// <summary>The length of the shortest beginning of a chunk that holds so many negatives equal to the threshold.</summary>
    private static int Position(LossChunk chunk, int wanted, float threshold)
    {
        int at = 0;
        uint key = Key(threshold);
        for (; wanted > 0; at++)
        {
            if (chunk.Mask[at] > 0 && !(chunk.Class[at] > 0)
                && Key(TEntropy.Difficulty(chunk.X[at], chunk.Target[at] > 0)) == key)
            {
                wanted--;
            }
        }
        return at;
    }

    /// <summary>Bits whose order is that of the numbers; both zeros are one, NaN is the largest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Key(float value)
    {
        int bits = BitConverter.SingleToInt32Bits(value + 0f);
        uint key = (uint)(bits ^ ((bits >> 31) | int.MinValue));
        return float.IsNaN(value) ? uint.MaxValue : key;
    }

    private static float FromKey(uint key) =>
        BitConverter.UInt32BitsToSingle((key & 0x80000000) != 0 ? key & 0x7FFFFFFF : ~key);

    private struct CountJob : IJob
    {
        public LossMaps Maps;
        public ChunkCount* Counts;
        public int Shift;
        public uint Prefix, PrefixMask;

        public readonly void Run(int task)
        {
            var count = Counts + task;
            *count = default;
            if (PrefixMask == 0)
            {
                CountAll(new LossChunk(Maps, task), count);
            }
            else
            {
                CountPrefixed(new LossChunk(Maps, task), count->Histogram);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void CountAll(LossChunk chunk, ChunkCount* count)
        {
            float* x = chunk.X, t = chunk.Target, c = chunk.Class, m = chunk.Mask;
            int positives = 0, shift = Shift, length = chunk.Count;
            int* histogram = count->Histogram;
            for (nint i = 0; i < length; i++)
            {
                if (m[i] > 0)
                {
                    if (c[i] > 0)
                    {
                        positives++;
                    }
                    else
                    {
                        histogram[Key(TEntropy.Difficulty(x[i], t[i] > 0)) >> shift]++;
                    }
                }
            }
            count->Positives = positives;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void CountPrefixed(LossChunk chunk, int* histogram)
        {
            float* x = chunk.X, t = chunk.Target, c = chunk.Class, m = chunk.Mask;
            uint prefix = Prefix, mask = PrefixMask;
            int shift = Shift, digits = (int)(~mask >> shift), length = chunk.Count;
            for (nint i = 0; i < length; i++)
            {
                uint key = Key(TEntropy.Difficulty(x[i], t[i] > 0));
                if ((key & mask) == prefix && m[i] > 0 && !(c[i] > 0))
                {
                    histogram[(int)(key >> shift) & digits]++;
                }
            }
        }
    }
}
