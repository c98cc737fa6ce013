using ILGPU;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Components;

// Components of the pixels of map (H,W) above Threshold, 8 neighbours. Labels (H,W): a pixel's parent in a forest whose roots are the
// smallest indices, -1 for background.
//   Begin    a pixel's first foreground neighbour above or left of it becomes its parent; clears the report's header
//   Join     the other such neighbours' trees are united, the larger root below the smaller one (union-find with atomic minima,
//            as in Playne and Hawick 2018): no second round is needed, a failed minimum goes on from what it found
//   Flatten  every pixel's parent is its root
// The report (ComponentLayout) after that:
//   Number   roots take numbers in no particular order: Labels[root] = -2 - number
//   Measure  a run of up to 32 foreground pixels is summed by the thread of its first one, then added to its component
//   Place    components take places for the values of their boxes
//   Gather   one group copies the box of a component
//   Bits     one thread a word
// One thread a pixel except where it says otherwise. All simple versions; never timed on a device.
internal static class ComponentKernels
{
    private const int Run = 32;

    public static void Begin(ComponentArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i < ComponentLayout.Header && args.HasReport != 0)
        {
            args.Report[i] = 0;
        }
        if (i >= args.H * args.W)
        {
            return;
        }
        int parent = -1;
        if (IsForeground(args, i))
        {
            int y = i / args.W, x = i - y * args.W;
            parent = i;
            if (x > 0 && IsForeground(args, i - 1))
            {
                parent = i - 1;
            }
            else if (y > 0)
            {
                int above = i - args.W;
                if (x > 0 && IsForeground(args, above - 1))
                {
                    parent = above - 1;
                }
                else if (IsForeground(args, above))
                {
                    parent = above;
                }
                else if (x < args.W - 1 && IsForeground(args, above + 1))
                {
                    parent = above + 1;
                }
            }
        }
        args.Labels[i] = parent;
    }

    public static void Join(ComponentArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.H * args.W || args.Labels[i] < 0)
        {
            return;
        }
        int y = i / args.W, x = i - y * args.W;
        if (y == 0)
        {
            return;
        }
        int above = i - args.W;
        if (x > 0 && args.Labels[above - 1] >= 0)
        {
            Unite(args, i, above - 1);
        }
        if (args.Labels[above] >= 0)
        {
            Unite(args, i, above);
        }
        if (x < args.W - 1 && args.Labels[above + 1] >= 0)
        {
            Unite(args, i, above + 1);
        }
    }

    public static void Flatten(ComponentArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i < args.H * args.W && args.Labels[i] >= 0)
        {
            args.Labels[i] = Root(args, i);
        }
    }

    public static void Number(ComponentArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.H * args.W || args.Labels[i] != i)
        {
            return;
        }
        int number = Atomic.Add(ref args.Report[0], 1);
        args.Labels[i] = -2 - number;
        if (number < args.MaxComponents)
        {
            int at = ComponentLayout.Header + number * ComponentLayout.Fields;
            args.Report[at + ComponentLayout.MinX] = args.W;
            args.Report[at + ComponentLayout.MinY] = i / args.W;
            args.Report[at + ComponentLayout.MaxX] = 0;
            args.Report[at + ComponentLayout.MaxY] = 0;
            args.Report[at + ComponentLayout.Pixels] = 0;
            args.Values[at + ComponentLayout.Sum] = 0;
            args.Report[at + ComponentLayout.Offset] = 0;
        }
    }

    public static void Measure(ComponentArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.H * args.W || args.Labels[i] == -1)
        {
            return;
        }
        int y = i / args.W, x = i - y * args.W;
        if (x % Run != 0 && args.Labels[i - 1] != -1)
        {
            return; // within a run
        }
        int label = args.Labels[i];
        int number = -2 - (label >= 0 ? args.Labels[label] : label);
        if (number >= args.MaxComponents)
        {
            return;
        }
        float sum = 0;
        int end = x;
        do
        {
            sum += args.Map[i + end - x];
            end++;
        }
        while (end < args.W && end % Run != 0 && args.Labels[i + end - x] != -1);
        int at = ComponentLayout.Header + number * ComponentLayout.Fields;
        Atomic.Min(ref args.Report[at + ComponentLayout.MinX], x);
        Atomic.Max(ref args.Report[at + ComponentLayout.MaxX], end - 1);
        Atomic.Max(ref args.Report[at + ComponentLayout.MaxY], y);
        Atomic.Add(ref args.Report[at + ComponentLayout.Pixels], end - x);
        Atomic.Add(ref args.Values[at + ComponentLayout.Sum], sum);
    }

    /// <summary>One thread a component.</summary>
    public static void Place(ComponentArgs args)
    {
        int number = Grid.IdxX * Group.DimX + Group.IdxX;
        if (number >= args.MaxComponents || number >= args.Report[0])
        {
            return;
        }
        int at = ComponentLayout.Header + number * ComponentLayout.Fields;
        int width = args.Report[at + ComponentLayout.MaxX] - args.Report[at + ComponentLayout.MinX] + 1;
        int height = args.Report[at + ComponentLayout.MaxY] - args.Report[at + ComponentLayout.MinY] + 1;
        // What is larger than all room counts as just too large, so that the sum stays below 2^31 (see ComponentLayout).
        int area = width > args.MaxValues / height ? args.MaxValues + 1 : width * height;
        args.Report[at + ComponentLayout.Offset] = Atomic.Add(ref args.Report[1], area);
    }

    /// <summary>One group a component.</summary>
    public static void Gather(ComponentArgs args)
    {
        int number = Grid.IdxX;
        if (number >= args.Report[0] || args.Report[1] < 0 || args.Report[1] > args.MaxValues)
        {
            return;
        }
        int at = ComponentLayout.Header + number * ComponentLayout.Fields;
        int left = args.Report[at + ComponentLayout.MinX], top = args.Report[at + ComponentLayout.MinY];
        int width = args.Report[at + ComponentLayout.MaxX] - left + 1;
        int area = width * (args.Report[at + ComponentLayout.MaxY] - top + 1);
        int to = args.ValuesAt + args.Report[at + ComponentLayout.Offset];
        for (int k = Group.IdxX; k < area; k += Group.DimX)
        {
            int row = k / width;
            args.Values[to + k] = args.Map[(top + row) * args.W + left + k - row * width];
        }
    }

    /// <summary>One thread a word of 32 pixels.</summary>
    public static void Bits(ComponentArgs args)
    {
        int word = Grid.IdxX * Group.DimX + Group.IdxX;
        if (word >= args.WordsPerRow * args.H)
        {
            return;
        }
        int y = word / args.WordsPerRow, from = (word - y * args.WordsPerRow) * 32;
        int bits = 0;
        for (int b = 0; b < 32; b++)
        {
            if (from + b < args.W && IsForeground(args, y * args.W + from + b))
            {
                bits |= 1 << b;
            }
        }
        args.Report[args.BitsAt + word] = bits;
    }

    private static bool IsForeground(ComponentArgs args, int i)
    {
        float value = args.Map[i];
        return value > args.Threshold && value <= float.MaxValue;
    }

    private static int Root(ComponentArgs args, int i)
    {
        int parent = args.Labels[i];
        while (parent != i)
        {
            i = parent;
            parent = args.Labels[i];
        }
        return i;
    }

    private static void Unite(ComponentArgs args, int a, int b)
    {
        a = Root(args, a);
        b = Root(args, b);
        while (a != b)
        {
            if (a < b)
            {
                int swap = a;
                a = b;
                b = swap;
            }
            // Another thread may have hung a below something else meanwhile: that has to be united with b then.
            int before = Atomic.Min(ref args.Labels[a], b);
            a = before == a ? b : before;
        }
    }

    public static GpuKernel<ComponentArgs> BeginKernel { get; } = new(Begin);

    public static GpuKernel<ComponentArgs> JoinKernel { get; } = new(Join);

    public static GpuKernel<ComponentArgs> FlattenKernel { get; } = new(Flatten);

    public static GpuKernel<ComponentArgs> NumberKernel { get; } = new(Number);

    public static GpuKernel<ComponentArgs> MeasureKernel { get; } = new(Measure);

    public static GpuKernel<ComponentArgs> PlaceKernel { get; } = new(Place);

    public static GpuKernel<ComponentArgs> GatherKernel { get; } = new(Gather, groupSize: 128);

    public static GpuKernel<ComponentArgs> BitsKernel { get; } = new(Bits, groupSize: 128);

    public static IEnumerable<GpuKernel> All =>
        [BeginKernel, JoinKernel, FlattenKernel, NumberKernel, MeasureKernel, PlaceKernel, GatherKernel, BitsKernel];
}

/// <summary>Arguments of all of <see cref="ComponentKernels"/>. Report and Values are the same memory.</summary>
internal struct ComponentArgs
{
    public ArrayView<float> Map, Values;
    public ArrayView<int> Labels, Report;
    public int H, W, HasReport, MaxComponents, MaxValues, WordsPerRow, BitsAt, ValuesAt;
    public float Threshold;
}
