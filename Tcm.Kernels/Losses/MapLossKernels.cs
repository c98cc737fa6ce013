using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Losses;

/// <summary>A loss made of up to three sums a, b, c over a map, with its derivative at one pixel.</summary>
internal interface IGpuMapLoss
{
    static abstract float A(float p, float t, float m);

    static abstract float B(float p, float t, float m);

    static abstract float C(float p, float t, float m);

    static abstract float Loss(float a, float b, float c);

    static abstract float Slope(float p, float t, float m, float a, float b, float c);
}

/// <summary>1 - 2 sum(p t m) / (sum(p m) + sum(t m) + 1e-6), t 0 or 1</summary>
internal readonly struct GpuDice : IGpuMapLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float A(float p, float t, float m) => t > 0 ? p * m : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float B(float p, float t, float m) => p * m;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float C(float p, float t, float m) => t > 0 ? m : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Loss(float a, float b, float c) => 1 - 2 * a / (b + c + 1e-6f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Slope(float p, float t, float m, float a, float b, float c)
    {
        float union = b + c + 1e-6f;
        return 2 * m * (a / union - (t > 0 ? 1f : 0f)) / union;
    }
}

/// <summary>sum(|p - t| m) / (sum(m) + 1e-6)</summary>
internal readonly struct GpuMaskedL1 : IGpuMapLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float A(float p, float t, float m) => (p > t ? p - t : t - p) * m;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float B(float p, float t, float m) => m;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float C(float p, float t, float m) => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Loss(float a, float b, float c) => a / (b + 1e-6f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Slope(float p, float t, float m, float a, float b, float c) =>
        (p > t ? m : p < t ? -m : 0) / (b + 1e-6f);
}

/// <summary>sum(m e(p, t)) with the cross-entropy of logits</summary>
internal readonly struct GpuWeightedEntropy : IGpuMapLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float A(float p, float t, float m) => GpuLogitEntropy.Loss(p, t) * m;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float B(float p, float t, float m) => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float C(float p, float t, float m) => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Loss(float a, float b, float c) => a;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Slope(float p, float t, float m, float a, float b, float c) => GpuLogitEntropy.Slope(p, t) * m;
}

/// <summary>sum(m s(p - t)), s(d) = d^2 / 2 where |d| is below 1, else |d| - 1/2</summary>
internal readonly struct GpuWeightedSmoothL1 : IGpuMapLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float A(float p, float t, float m)
    {
        float d = p > t ? p - t : t - p;
        return (d < 1 ? 0.5f * d * d : d - 0.5f) * m;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float B(float p, float t, float m) => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float C(float p, float t, float m) => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Loss(float a, float b, float c) => a;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Slope(float p, float t, float m, float a, float b, float c)
    {
        float d = p - t;
        return (d > 1 ? 1 : d < -1 ? -1 : d) * m;
    }
}

// Losses that are sums over a map: Sums of each block's terms, Finish by one group, which leaves the totals behind them, then Slope.
internal static class MapLossKernels
{
    public const int GroupSize = GroupReduction.GroupSize, Block = 16 * GroupSize, Terms = 3;

    public static void Sums<T>(MapLossArgs args) where T : struct, IGpuMapLoss
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        float a = 0, b = 0, c = 0;
        int start = Grid.IdxX * Block;
        for (int i = start + Group.IdxX; i < start + Block && i < args.Length; i += GroupSize)
        {
            float p = args.P[i], t = args.T[i], m = args.M[i];
            a += T.A(p, t, m);
            b += T.B(p, t, m);
            c += T.C(p, t, m);
        }
        Put(shared, args, Grid.IdxX, a, b, c);
    }

    public static void Finish<T>(MapLossArgs args) where T : struct, IGpuMapLoss
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        float a = 0, b = 0, c = 0;
        for (int i = Group.IdxX; i < args.Blocks; i += GroupSize)
        {
            a += args.Sums[i * Terms];
            b += args.Sums[i * Terms + 1];
            c += args.Sums[i * Terms + 2];
        }
        Put(shared, args, args.Blocks, a, b, c);
        if (Group.IdxX == 0)
        {
            int at = args.Blocks * Terms;
            args.Loss[0] = args.Weight * T.Loss(args.Sums[at], args.Sums[at + 1], args.Sums[at + 2]);
        }
    }

    public static void Slope<T>(MapLossArgs args) where T : struct, IGpuMapLoss
    {
        int i = Grid.IdxX * GroupSize + Group.IdxX, at = args.Blocks * Terms;
        if (i < args.Length)
        {
            args.G[i] = args.Weight
                * T.Slope(args.P[i], args.T[i], args.M[i], args.Sums[at], args.Sums[at + 1], args.Sums[at + 2]);
        }
    }

    /// <summary>Stores the group's sums; all threads must call it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(ArrayView<float> shared, MapLossArgs args, int block, float a, float b, float c)
    {
        a = GroupReduction.Sum(shared, a);
        b = GroupReduction.Sum(shared, b);
        c = GroupReduction.Sum(shared, c);
        if (Group.IdxX == 0)
        {
            args.Sums[block * Terms] = a;
            args.Sums[block * Terms + 1] = b;
            args.Sums[block * Terms + 2] = c;
        }
    }

    /// <summary>The kernels of one loss.</summary>
    public sealed record Family<T>(GpuKernel<MapLossArgs> Sums, GpuKernel<MapLossArgs> Finish, GpuKernel<MapLossArgs> Slope)
        where T : struct, IGpuMapLoss
    {
        public Family() : this(new(Sums<T>, GroupSize), new(Finish<T>, GroupSize), new(Slope<T>, GroupSize)) { }

        public IEnumerable<GpuKernel> Kernels => [Sums, Finish, Slope];
    }

    public static Family<GpuDice> Dice { get; } = new();

    public static Family<GpuMaskedL1> MaskedL1 { get; } = new();

    public static Family<GpuWeightedEntropy> WeightedEntropy { get; } = new();

    public static Family<GpuWeightedSmoothL1> WeightedSmoothL1 { get; } = new();

    public static IEnumerable<GpuKernel> All =>
        [.. Dice.Kernels, .. MaskedL1.Kernels, .. WeightedEntropy.Kernels, .. WeightedSmoothL1.Kernels];
}

/// <summary>Arguments of <see cref="MapLossKernels"/>.</summary>
internal struct MapLossArgs
{
    public ArrayView<float> P, T, M, G, Loss, Sums;
    public int Length, Blocks;
    public float Weight;
}
