using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Losses;

/// <summary>
/// Up to <see cref="Length"/> consecutive values of one pair (map of image i, class and mask of image j). Chunks are
/// numbered pair by pair; for a plain batch there is one pair, of everything with itself.
/// </summary>
internal readonly unsafe struct LossChunk
{
    public const int Length = 32768;

    public readonly float* X, Target, Class, Mask, Gradient;
    public readonly int Count;

    public LossChunk(LossMaps maps, int number)
    {
        int perPair = PerPair(maps), pair = number / perPair, i = pair / maps.Images, j = pair - i * maps.Images;
        long start = (long)(number - pair * perPair) * Length, ofImage = i * maps.Plane + start, ofMask = j * maps.Plane + start;
        X = maps.Prediction + ofImage;
        Target = maps.Target + ofImage;
        Gradient = maps.Gradient + ofImage;
        Class = maps.Target + ofMask;
        Mask = maps.Mask + ofMask;
        Count = (int)Math.Min(Length, maps.Plane - start);
    }

    public static int PerPair(LossMaps maps) => checked((int)((maps.Plane + Length - 1) / Length));
}

/// <summary>Loss and gradient of the balanced cross-entropy once it is known which negatives count.</summary>
internal static unsafe class CpuBalancedEntropy<T, TEntropy> where T : struct, IFloatVector<T> where TEntropy : struct, IEntropy
{
    private const int Block = 1024;

    public static int Chunks(LossMaps maps) => checked(LossChunk.PerPair(maps) * maps.Images * maps.Images);

    /// <summary>Writes the gradient; returns the loss.</summary>
    public static float Run(ThreadTeam team, LossMaps maps, HardestCut cut, float weight, ChunkCount* counts, int chunks)
    {
        double count = cut.Positives + cut.Negatives + 1e-6;
        int perPair = LossChunk.PerPair(maps);
        // One round for each j, so that no two tasks of a round add to the same gradient.
        for (int j = 0; j < maps.Images; j++)
        {
            var job = new RoundJob
            {
                Maps = maps,
                Counts = counts,
                Mask = j,
                PerPair = perPair,
                Threshold = cut.Threshold,
                Scale = (float)(weight / count),
            };
            team.Run(perPair * maps.Images, ref job);
        }
        double sum = 0;
        for (int i = 0; i < chunks; i++)
        {
            sum += counts[i].Loss;
        }
        return (float)(weight * sum / count);
    }

    private struct RoundJob : IJob
    {
        public LossMaps Maps;
        public ChunkCount* Counts;
        public int Mask, PerPair;
        public float Threshold, Scale;

        public readonly void Run(int task)
        {
            int i = task / PerPair, number = (i * Maps.Images + Mask) * PerPair + (task - i * PerPair);
            var chunk = new LossChunk(Maps, number);
            // Ties come first, so a chunk has at most two parts: at or above the threshold, and above it.
            int ties = Math.Min(Counts[number].Ties, chunk.Count);
            double sum = 0;
            for (int start = 0; start < chunk.Count;)
            {
                int end = Math.Min(start < ties ? ties : chunk.Count, start + Block);
                sum += Part(chunk, start, end - start, start < ties ? Threshold : MathF.BitIncrement(Threshold));
                start = end;
            }
            Counts[number].Loss = sum;
        }

        /// <summary>Sum of the losses of positives and of negatives not easier than <paramref name="easiest"/>.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly float Part(LossChunk chunk, nint start, nint count, float easiest)
        {
            float* x = chunk.X + start, t = chunk.Target + start, c = chunk.Class + start, m = chunk.Mask + start;
            float* g = chunk.Gradient + start;
            T limit = T.Create(easiest), scale = T.Create(Scale), sum = T.Create(0f);
            nint i = 0;
            for (; i <= count - T.Count; i += T.Count)
            {
                var (loss, slope) = Count(T.Load(x + i), T.Load(t + i), T.Load(c + i), T.Load(m + i), limit);
                sum += loss;
                slope *= scale;
                (Mask == 0 ? slope : slope + T.Load(g + i)).Store(g + i);
            }
            if (i < count)
            {
                // The last values alone, padded with masks of zero.
                float* rest = stackalloc float[5 * 16];
                new Span<float>(rest, 5 * 16).Clear();
                for (nint j = 0; i + j < count; j++)
                {
                    (rest[j], rest[16 + j], rest[32 + j], rest[48 + j]) = (x[i + j], t[i + j], c[i + j], m[i + j]);
                }
                var (loss, slope) = Count(T.Load(rest), T.Load(rest + 16), T.Load(rest + 32), T.Load(rest + 48), limit);
                sum += loss;
                slope *= scale;
                (Mask == 0 ? slope : slope + T.Load(g + i)).StorePart(g + i, count - i);
            }
            return T.Sum(sum);
        }

        /// <summary>Loss and slope where the value counts, else 0. NaN counts, so that it shows.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static (T Loss, T Slope) Count(T x, T target, T positive, T mask, T easiest)
        {
            T zero = T.Create(0f);
            T hard = T.SelectGreater(easiest, TEntropy.Difficulty(x, target), zero, T.Create(1f));
            T counts = T.SelectGreater(mask, zero, T.SelectGreater(positive, zero, T.Create(1f), hard), zero);
            var (loss, slope) = TEntropy.Evaluate(x, target);
            return (T.SelectGreater(counts, zero, loss, zero), T.SelectGreater(counts, zero, slope, zero));
        }
    }
}
