using ILGPU;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Losses;

// Balanced cross-entropy without leaving the device: the n hardest negatives by radix selection on the bits of the
// difficulty, as on the CPU, in four digits of 8 bits.
//   Count      histogram of one digit over the values that share the digits found so far; integer atomics, so exact.
//   Pick       one group: the digit that holds the n-th largest value. The first call also decides n.
//   CountTies  values equal to the threshold, by block; ShareTies, one group: how many of them count in each block.
//   Slope      gradient, and the loss of each block; Finish, one group: their sum.
// A block is 2048 consecutive values of one pair (map of image i, class and mask of image j); a batch is one such pair.
internal static class BalancedEntropyKernels
{
    public const int GroupSize = GroupReduction.GroupSize, PerThread = 16, Block = GroupSize * PerThread, Bins = 256;

    public const int Digits = 4, Ints = StateInts + Digits * Bins;

    private const int StateInts = 8;

    // Places in the state.
    public const int Positives = 0, Negatives = 1, Wanted = 2, Threshold = 3, Mode = 4;

    // No, all, or the hardest negatives count.
    private const int None = 0, Every = 1, Hardest = 2;

    public static void Count<T>(EntropyArgs args) where T : struct, IGpuEntropy
    {
        var bins = SharedMemory.Allocate<int>(Bins + 1);
        for (int i = Group.IdxX; i <= Bins; i += GroupSize)
        {
            bins[i] = 0;
        }
        Group.Barrier();
        if (args.Digit == 0 || args.State[Mode] == Hardest)
        {
            int shift = 24 - 8 * args.Digit;
            uint known = (uint)args.State[Threshold];
            var place = EntropyBlock.Of(args, Grid.IdxX);
            for (int i = 0; i < PerThread; i++)
            {
                int k = place.Start + i * GroupSize + Group.IdxX;
                if (k < args.Plane && args.M[place.Mask + k] > 0)
                {
                    uint key = EntropyBlock.Key(T.Difficulty(args.X[place.Map + k], args.T[place.Map + k]));
                    if (args.T[place.Mask + k] > 0)
                    {
                        if (args.Digit == 0)
                        {
                            Atomic.Add(ref bins[Bins], 1);
                        }
                    }
                    else if (args.Digit == 0 || key >> (shift + 8) == known >> (shift + 8))
                    {
                        Atomic.Add(ref bins[(int)((key >> shift) & (Bins - 1))], 1);
                    }
                }
            }
        }
        Group.Barrier();
        for (int i = Group.IdxX; i < Bins; i += GroupSize)
        {
            if (bins[i] > 0)
            {
                Atomic.Add(ref args.State[StateInts + args.Digit * Bins + i], bins[i]);
            }
        }
        if (Group.IdxX == 0 && bins[Bins] > 0)
        {
            Atomic.Add(ref args.State[Positives], bins[Bins]);
        }
    }

    public static void Pick(EntropyArgs args)
    {
        var bins = SharedMemory.Allocate<int>(Bins);
        for (int i = Group.IdxX; i < Bins; i += GroupSize)
        {
            bins[i] = args.State[StateInts + args.Digit * Bins + i];
        }
        Group.Barrier();
        if (Group.IdxX != 0)
        {
            return;
        }
        if (args.Digit == 0)
        {
            int candidates = 0;
            for (int i = 0; i < Bins; i++)
            {
                candidates += bins[i];
            }
            // Each mask has been seen once with every image.
            int positives = args.State[Positives] / args.Images;
            long wanted = positives > 0 ? (positives * args.RatioFactor) >> args.RatioShift : args.WithoutPositives;
            int negatives = candidates / args.Images;
            negatives = wanted < negatives ? (int)wanted : negatives;
            args.State[Positives] = positives;
            args.State[Negatives] = negatives;
            args.State[Wanted] = negatives;
            args.State[Mode] = negatives == 0 ? None : negatives == candidates ? Every : Hardest;
        }
        if (args.State[Mode] == Hardest)
        {
            int wanted = args.State[Wanted], bin = Bins - 1;
            while (bin > 0 && bins[bin] < wanted)
            {
                wanted -= bins[bin];
                bin--;
            }
            args.State[Wanted] = wanted;
            args.State[Threshold] = (int)((uint)args.State[Threshold] | (uint)bin << (24 - 8 * args.Digit));
        }
    }

    public static void CountTies<T>(EntropyArgs args) where T : struct, IGpuEntropy
    {
        var count = SharedMemory.Allocate<int>(1);
        if (Group.IdxX == 0)
        {
            count[0] = 0;
        }
        Group.Barrier();
        var place = EntropyBlock.Of(args, Grid.IdxX);
        for (int i = 0; i < PerThread; i++)
        {
            if (place.IsTie<T>(args, place.Start + i * GroupSize + Group.IdxX))
            {
                Atomic.Add(ref count[0], 1);
            }
        }
        Group.Barrier();
        if (Group.IdxX == 0)
        {
            args.Ties[Grid.IdxX] = count[0];
        }
    }

    /// <summary>Leaves in each block how many of its ties count, or -1 for all.</summary>
    public static void ShareTies(EntropyArgs args)
    {
        var sums = SharedMemory.Allocate<int>(GroupSize);
        int perThread = (args.Blocks + GroupSize - 1) / GroupSize, first = Group.IdxX * perThread;
        int sum = 0;
        for (int i = 0; i < perThread && first + i < args.Blocks; i++)
        {
            sum += args.Ties[first + i];
        }
        sums[Group.IdxX] = sum;
        Group.Barrier();
        int left = args.State[Wanted];
        for (int i = 0; i < Group.IdxX; i++)
        {
            left -= sums[i];
        }
        for (int i = 0; i < perThread && first + i < args.Blocks; i++)
        {
            int here = args.Ties[first + i];
            args.Ties[first + i] = left >= here ? -1 : left > 0 ? left : 0;
            left -= here;
        }
    }

    public static void Slope<T>(EntropyArgs args) where T : struct, IGpuEntropy
    {
        var counts = SharedMemory.Allocate<int>(GroupSize + 1);
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        int perMap = args.Blocks / (args.Images * args.Images);
        int image = Grid.IdxX / perMap, block = Grid.IdxX - image * perMap;
        int mode = args.State[Mode];
        uint threshold = (uint)args.State[Threshold];
        float scale = args.Weight / (args.State[Positives] + args.State[Negatives] + 1e-6f), sum = 0;
        for (int j = 0; j < args.Images; j++)
        {
            int number = (image * args.Images + j) * perMap + block;
            var place = EntropyBlock.Of(args, number);
            int end = mode == Hardest ? place.TiesEnd<T>(counts, args, args.Ties[number]) : 0;
            for (int i = 0; i < PerThread; i++)
            {
                int k = place.Start + i * GroupSize + Group.IdxX;
                if (k >= args.Plane)
                {
                    continue;
                }
                float x = args.X[place.Map + k], t = args.T[place.Map + k], slope = 0;
                if (args.M[place.Mask + k] > 0)
                {
                    uint key = EntropyBlock.Key(T.Difficulty(x, t));
                    if (args.T[place.Mask + k] > 0 || mode == Every
                        || (mode == Hardest && (key > threshold || (key == threshold && k < end))))
                    {
                        sum += T.Loss(x, t);
                        slope = scale * T.Slope(x, t);
                    }
                }
                args.G[place.Map + k] = j == 0 ? slope : args.G[place.Map + k] + slope;
            }
        }
        sum = GroupReduction.Sum(shared, sum);
        if (Group.IdxX == 0)
        {
            args.Sums[Grid.IdxX] = sum;
        }
    }

    public static void Finish(EntropyArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        float sum = 0;
        for (int i = Group.IdxX; i < args.Blocks / args.Images; i += GroupSize)
        {
            sum += args.Sums[i];
        }
        sum = GroupReduction.Sum(shared, sum);
        if (Group.IdxX == 0)
        {
            args.Loss[0] = args.Weight * sum / (args.State[Positives] + args.State[Negatives] + 1e-6f);
        }
    }

    /// <summary>The kernels of one kind of prediction.</summary>
    public sealed record Family<T>(GpuKernel<EntropyArgs> Count, GpuKernel<EntropyArgs> CountTies, GpuKernel<EntropyArgs> Slope)
        where T : struct, IGpuEntropy
    {
        public Family() : this(new(Count<T>, GroupSize), new(CountTies<T>, GroupSize), new(Slope<T>, GroupSize)) { }

        public IEnumerable<GpuKernel> Kernels => [Count, CountTies, Slope];
    }

    public static Family<GpuProbabilityEntropy> Probabilities { get; } = new();

    public static Family<GpuLogitEntropy> Logits { get; } = new();

    public static GpuKernel<EntropyArgs> PickKernel { get; } = new(Pick, GroupSize);

    public static GpuKernel<EntropyArgs> ShareTiesKernel { get; } = new(ShareTies, GroupSize);

    public static GpuKernel<EntropyArgs> FinishKernel { get; } = new(Finish, GroupSize);

    public static IEnumerable<GpuKernel> All =>
        [.. Probabilities.Kernels, .. Logits.Kernels, PickKernel, ShareTiesKernel, FinishKernel];
}
