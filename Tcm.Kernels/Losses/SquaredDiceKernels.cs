using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Losses;

// Dice with squares: Sums by one group an image, Finish by one group, Slope by one thread a pixel.
internal static class SquaredDiceKernels
{
    public const int GroupSize = GroupReduction.GroupSize, Terms = 2;

    private const float Smooth = 0.001f;

    public static void Sums(SquaredDiceArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        int image = Grid.IdxX, start = image * args.Pixels;
        float overlap = 0, union = 0;
        for (int i = start + Group.IdxX; i < start + args.Pixels; i += GroupSize)
        {
            if (args.M[i] > 0)
            {
                float p = Sigmoid(args.Z[i]), t = args.T[i] > 0 ? 1f : 0f;
                overlap += p * t;
                union += p * p + t;
            }
        }
        overlap = GroupReduction.Sum(shared, overlap);
        union = GroupReduction.Sum(shared, union);
        if (Group.IdxX == 0)
        {
            args.Sums[image * Terms] = overlap + Smooth;
            args.Sums[image * Terms + 1] = union + 2 * Smooth;
        }
    }

    public static void Finish(SquaredDiceArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        float loss = 0;
        for (int i = Group.IdxX; i < args.Images; i += GroupSize)
        {
            loss += 1 - 2 * args.Sums[i * Terms] / args.Sums[i * Terms + 1];
        }
        loss = GroupReduction.Sum(shared, loss);
        if (Group.IdxX == 0)
        {
            args.Loss[0] = args.Weight * loss;
        }
    }

    public static void Slope(SquaredDiceArgs args)
    {
        int i = Grid.IdxX * GroupSize + Group.IdxX;
        if (i < args.Images * args.Pixels)
        {
            int image = i / args.Pixels;
            float overlap = args.Sums[image * Terms], union = args.Sums[image * Terms + 1], p = Sigmoid(args.Z[i]);
            float slope = 2 * args.Weight / union * (2 * overlap / union * p - (args.T[i] > 0 ? 1f : 0f)) * p * (1 - p);
            args.G[i] = args.M[i] > 0 ? slope : 0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sigmoid(float z) => 1 / (1 + XMath.Exp(-z));

    public static GpuKernel<SquaredDiceArgs> SumsKernel { get; } = new(Sums, GroupSize);

    public static GpuKernel<SquaredDiceArgs> FinishKernel { get; } = new(Finish, GroupSize);

    public static GpuKernel<SquaredDiceArgs> SlopeKernel { get; } = new(Slope, GroupSize);

    public static IEnumerable<GpuKernel> All => [SumsKernel, FinishKernel, SlopeKernel];
}

/// <summary>Arguments of <see cref="SquaredDiceKernels"/>; the weight is that of one image.</summary>
internal struct SquaredDiceArgs
{
    public ArrayView<float> Z, T, M, G, Loss, Sums;
    public int Images, Pixels;
    public float Weight;
}
