using System.Runtime.CompilerServices;
using ILGPU;

namespace Tcm.Kernels.Losses;

/// <summary>Arguments of the balanced cross-entropy. The ratio is RatioFactor / 2^RatioShift; without positives
/// WithoutPositives negatives count.</summary>
internal struct EntropyArgs
{
    public ArrayView<float> X, T, M, G, Loss, Sums;
    public ArrayView<int> State, Ties;
    public long RatioFactor;
    public int RatioShift, WithoutPositives, Plane, Images, Blocks, Digit;
    public float Weight;
}

/// <summary>Where a block lies: offsets of its image's map and of its mask's, and its first index within the plane.</summary>
internal readonly struct EntropyBlock(int map, int mask, int start)
{
    public readonly int Map = map, Mask = mask, Start = start;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EntropyBlock Of(EntropyArgs args, int number)
    {
        int perPair = args.Blocks / (args.Images * args.Images), pair = number / perPair, image = pair / args.Images;
        int mask = pair - image * args.Images, start = (number - pair * perPair) * BalancedEntropyKernels.Block;
        return new(image * args.Plane, mask * args.Plane, start);
    }

    /// <summary>Whether index k of a plane is a negative as hard as the threshold.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsTie<T>(EntropyArgs args, int k) where T : struct, IGpuEntropy => k < args.Plane
        && args.M[Mask + k] > 0 && !(args.T[Mask + k] > 0)
        && Key(T.Difficulty(args.X[Map + k], args.T[Map + k])) == (uint)args.State[BalancedEntropyKernels.Threshold];

    /// <summary>Bits whose order is that of the numbers; both zeros are one, NaN is the largest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Key(float value)
    {
        uint bits = Interop.FloatAsInt(value), size = bits & 0x7FFFFFFF;
        return size > 0x7F800000 ? 0xFFFFFFFF : size == 0 || bits == size ? size | 0x80000000 : ~bits;
    }

    /// <summary>The first index of the plane at which ties no longer count; all threads must call it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int TiesEnd<T>(ArrayView<int> counts, EntropyArgs args, int wanted) where T : struct, IGpuEntropy
    {
        if (wanted <= 0)
        {
            return wanted < 0 ? args.Plane : 0;
        }
        // The one block that the cut goes through: each thread looks at a run of neighbours.
        int first = Start + Group.IdxX * BalancedEntropyKernels.PerThread, here = 0;
        for (int i = 0; i < BalancedEntropyKernels.PerThread; i++)
        {
            here += IsTie<T>(args, first + i) ? 1 : 0;
        }
        counts[Group.IdxX] = here;
        Group.Barrier();
        for (int i = 0; i < Group.IdxX; i++)
        {
            wanted -= counts[i];
        }
        if (wanted > 0 && wanted <= here)
        {
            int end = first;
            for (; wanted > 0; end++)
            {
                wanted -= IsTie<T>(args, end) ? 1 : 0;
            }
            counts[BalancedEntropyKernels.GroupSize] = end;
        }
        Group.Barrier();
        return counts[BalancedEntropyKernels.GroupSize];
    }
}
