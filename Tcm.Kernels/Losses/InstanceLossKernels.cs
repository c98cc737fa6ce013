using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Losses;

// PAN's losses of embeddings. State has a record for each instance of each image. Means by one group an instance; then Attract by
// one group an instance, or Repel by one thread an instance; Finish by one group; Slope by one thread a pixel. Everything is summed
// in a fixed order, so that a run can be repeated.
internal static class InstanceLossKernels
{
    public const int GroupSize = GroupReduction.GroupSize;

    /// <summary>Floats of a record: mean (4), pixels of kernel and region, loss, gradient with respect to the mean (4).</summary>
    public const int Record = 11;

    private const int KernelPixels = 4, RegionPixels = 5, Loss = 6, MeanSlope = 7;

    public static void Means(InstanceLossArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        int image = Grid.IdxX / args.Instances, label = Grid.IdxX % args.Instances + 1;
        int pixels = image * args.Pixels, values = pixels * InstanceMaps.Channels;
        float a = 0, b = 0, c = 0, d = 0, kernel = 0, region = 0;
        for (int i = Group.IdxX; i < args.Pixels; i += GroupSize)
        {
            region += Is(args.Regions[pixels + i], label) ? 1f : 0f;
            if (Is(args.Kernels[pixels + i], label))
            {
                kernel++;
                a += args.E[values + i];
                b += args.E[values + args.Pixels + i];
                c += args.E[values + 2 * args.Pixels + i];
                d += args.E[values + 3 * args.Pixels + i];
            }
        }
        kernel = GroupReduction.Sum(shared, kernel);
        region = GroupReduction.Sum(shared, region);
        a = GroupReduction.Sum(shared, a);
        b = GroupReduction.Sum(shared, b);
        c = GroupReduction.Sum(shared, c);
        d = GroupReduction.Sum(shared, d);
        if (Group.IdxX == 0)
        {
            int at = Grid.IdxX * Record;
            float share = kernel > 0 ? 1 / kernel : 0;
            args.State[at] = a * share;
            args.State[at + 1] = b * share;
            args.State[at + 2] = c * share;
            args.State[at + 3] = d * share;
            args.State[at + KernelPixels] = kernel;
            args.State[at + RegionPixels] = region;
        }
    }

    public static void Attract(InstanceLossArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        int image = Grid.IdxX / args.Instances, label = Grid.IdxX % args.Instances + 1, at = Grid.IdxX * Record;
        int pixels = image * args.Pixels, values = pixels * InstanceMaps.Channels;
        float scale = PixelWeight(args, image, at);
        float loss = 0, a = 0, b = 0, c = 0, d = 0;
        for (int i = Group.IdxX; i < args.Pixels; i += GroupSize)
        {
            if (scale > 0 && Is(args.Regions[pixels + i], label))
            {
                float da = args.E[values + i] - args.State[at], db = args.E[values + args.Pixels + i] - args.State[at + 1];
                float dc = args.E[values + 2 * args.Pixels + i] - args.State[at + 2];
                float dd = args.E[values + 3 * args.Pixels + i] - args.State[at + 3];
                float distance = XMath.Sqrt(da * da + db * db + dc * dc + dd * dd), slope = scale * Pull(distance);
                float excess = distance > InstanceMaps.Inside ? distance - InstanceMaps.Inside : 0;
                loss += scale * XMath.Log(1 + excess * excess);
                a -= slope * da;
                b -= slope * db;
                c -= slope * dc;
                d -= slope * dd;
            }
        }
        loss = GroupReduction.Sum(shared, loss);
        a = GroupReduction.Sum(shared, a);
        b = GroupReduction.Sum(shared, b);
        c = GroupReduction.Sum(shared, c);
        d = GroupReduction.Sum(shared, d);
        if (Group.IdxX == 0)
        {
            Put(args, at, loss, a, b, c, d);
        }
    }

    public static void Repel(InstanceLossArgs args)
    {
        int instance = Grid.IdxX * GroupSize + Group.IdxX;
        if (instance >= args.Images * args.Instances)
        {
            return;
        }
        int first = instance / args.Instances * args.Instances, at = instance * Record, count = Count(args, first);
        float loss = 0, a = 0, b = 0, c = 0, d = 0;
        if (count > 1 && Counts(args, at))
        {
            float scale = args.Weight / ((float)count * (count - 1));
            for (int k = first; k < first + args.Instances; k++)
            {
                int other = k * Record;
                if (k == instance || !Counts(args, other))
                {
                    continue;
                }
                float da = args.State[at] - args.State[other], db = args.State[at + 1] - args.State[other + 1];
                float dc = args.State[at + 2] - args.State[other + 2], dd = args.State[at + 3] - args.State[other + 3];
                float distance = XMath.Sqrt(da * da + db * db + dc * dc + dd * dd);
                float lack = distance < InstanceMaps.Apart ? InstanceMaps.Apart - distance : 0;
                float slope = distance > 0 ? -scale * 2 * lack / ((1 + lack * lack) * distance) : 0;
                // Each pair is met from both sides.
                loss += 0.5f * scale * XMath.Log(1 + lack * lack);
                a += slope * da;
                b += slope * db;
                c += slope * dc;
                d += slope * dd;
            }
        }
        Put(args, at, loss, a, b, c, d);
    }

    public static void Finish(InstanceLossArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        float loss = 0;
        for (int i = Group.IdxX; i < args.Images * args.Instances; i += GroupSize)
        {
            loss += args.State[i * Record + Loss];
        }
        loss = GroupReduction.Sum(shared, loss);
        if (Group.IdxX == 0)
        {
            args.Loss[0] = loss;
        }
    }

    public static void Slope(InstanceLossArgs args)
    {
        int i = Grid.IdxX * GroupSize + Group.IdxX;
        if (i >= args.Images * args.Pixels)
        {
            return;
        }
        int image = i / args.Pixels, first = image * args.Instances, start = image * args.Pixels * InstanceMaps.Channels + i % args.Pixels;
        float kernel = args.Kernels[i], region = args.Regions[i];
        int kernelAt = (first + (int)kernel - 1) * Record, regionAt = (first + (int)region - 1) * Record;
        float share = kernel > 0 && kernel <= args.Instances && Counts(args, kernelAt) ? 1 / args.State[kernelAt + KernelPixels] : 0;
        float pull = 0;
        if (args.Attraction != 0 && region > 0 && region <= args.Instances && Counts(args, regionAt))
        {
            float squares = 0;
            for (int c = 0; c < InstanceMaps.Channels; c++)
            {
                float away = args.E[start + c * args.Pixels] - args.State[regionAt + c];
                squares += away * away;
            }
            pull = PixelWeight(args, image, regionAt) * Pull(XMath.Sqrt(squares));
        }
        for (int c = 0; c < InstanceMaps.Channels; c++)
        {
            float slope = share > 0 ? share * args.State[kernelAt + MeanSlope + c] : 0;
            args.G[start + c * args.Pixels] = pull > 0
                ? slope + pull * (args.E[start + c * args.Pixels] - args.State[regionAt + c]) : slope;
        }
    }

    /// <summary>The slope of ln(1 + max(0, d - 0.5)^2) divided by d.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Pull(float distance)
    {
        float excess = distance - InstanceMaps.Inside;
        return excess > 0 ? 2 * excess / ((1 + excess * excess) * distance) : 0;
    }

    /// <summary>What a pixel of an instance weighs; 0 where the instance does not count.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float PixelWeight(InstanceLossArgs args, int image, int at) => Counts(args, at)
        ? args.Weight / (Count(args, image * args.Instances) * args.State[at + RegionPixels]) : 0;

    /// <summary>How many instances of an image count, from the number of its first one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Count(InstanceLossArgs args, int first)
    {
        int count = 0;
        for (int k = first; k < first + args.Instances; k++)
        {
            count += Counts(args, k * Record) ? 1 : 0;
        }
        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Counts(InstanceLossArgs args, int at) => args.State[at + KernelPixels] > 0 && args.State[at + RegionPixels] > 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Is(float value, int label) => value > 0 && (int)value == label;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(InstanceLossArgs args, int at, float loss, float a, float b, float c, float d)
    {
        args.State[at + Loss] = loss;
        args.State[at + MeanSlope] = a;
        args.State[at + MeanSlope + 1] = b;
        args.State[at + MeanSlope + 2] = c;
        args.State[at + MeanSlope + 3] = d;
    }

    public static GpuKernel<InstanceLossArgs> MeansKernel { get; } = new(Means, GroupSize);

    public static GpuKernel<InstanceLossArgs> AttractKernel { get; } = new(Attract, GroupSize);

    public static GpuKernel<InstanceLossArgs> RepelKernel { get; } = new(Repel, GroupSize);

    public static GpuKernel<InstanceLossArgs> FinishKernel { get; } = new(Finish, GroupSize);

    public static GpuKernel<InstanceLossArgs> SlopeKernel { get; } = new(Slope, GroupSize);

    public static IEnumerable<GpuKernel> All => [MeansKernel, AttractKernel, RepelKernel, FinishKernel, SlopeKernel];
}

/// <summary>Arguments of <see cref="InstanceLossKernels"/>; the weight is that of one image.</summary>
internal struct InstanceLossArgs
{
    public ArrayView<float> E, Regions, Kernels, G, Loss, State;
    public int Images, Pixels, Instances, Attraction;
    public float Weight;
}
