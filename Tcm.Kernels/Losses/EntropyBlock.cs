using System.Runtime.CompilerServices;
using ILGPU;

namespace Tcm.Kernels.Losses;

/// <summary>Arguments of the balanced cross-entropy. The ratio is RatioFactor / 2^RatioShift.</summary>
internal struct EntropyArgs
{
    public ArrayView<float> X, T, M, G, Loss, Sums;
    public ArrayView<int> State, Ties;
    public long RatioFactor;
    public int RatioShift, Plane, Images, Blocks, Digit;
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
        return new(image * args.Plane, (pair - image * args.Images) * args.Plane, (number - pair * perPair) * BalancedEntropyKernels.Block);
    }

    /// <summary>Whether index k of a plane is a negative as hard as the threshold.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsTie<T>(EntropyArgs args, int k) where T : struct, IGpuEntropy => k < args.Plane
        && args.M[Mask + k] > 0 && !(args.T[Mask + k] > 0)
        && Key(T.Difficulty(args.X[Map + k], args.T[Map + k])) == (uint)args.State[Threshold];

    /// <summary>Bits whose order is that of the numbers; both zeros are one, NaN is the largest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Key(float value)
    {
        uint bits = Interop.FloatAsInt(value), size = bits & 0x7FFFFFFF;
        return size > 0x7F800000 ? 0xFFFFFFFF : size == 0 || bits == size ? size | 0x80000000 : ~bits;
    }
}
