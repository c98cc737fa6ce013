using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// U = G g G^T of every 3x3 filter, in the order in which the products read it: (block of 32 output channels)(position)
/// (strip of 4)(C)(4). A task transforms the filters of one strip, a vector of them at a time.
/// </summary>
internal static unsafe class WinogradFilters<T> where T : struct, IFloatVector<T>
{
    /// <summary>Strips of 4 output channels in a block.</summary>
    public const int StripsPerBlock = 8;

    private const int Positions = WinogradTransforms.Products, Side = WinogradTransforms.Input;
    private const int ChannelsPerRun = 32;
    private const int RunFloats = ChannelsPerRun * 4;

    public static int Blocks(Conv2dFilter filter) => (filter.K + (4 * StripsPerBlock) - 1) / (4 * StripsPerBlock);

    public static long PackedFloats(Conv2dFilter filter) =>
        (long)Blocks(filter) * StripsPerBlock * 4 * Positions * filter.C;

    public static void Pack(CpuBackend backend, Conv2dFilter filter, FilterView weight, float* target)
    {
        var job = new Job { Channels = filter.C, Weight = weight, Target = target };
        backend.Team.Run(Blocks(filter) * StripsPerBlock, ref job);
    }

    private struct Job : IJob
    {
        public int Channels;
        public FilterView Weight;
        public float* Target;

        public readonly void Run(int task)
        {
            int block = task / StripsPerBlock, strip = task % StripsPerBlock;
            nint positionStride = (nint)StripsPerBlock * Channels * 4;
            float* target = Target + (block * Positions * positionStride) + ((nint)strip * Channels * 4);
            // The vector after the last channel may be read, not stored.
            float* taps = stackalloc float[(9 * RunFloats) + 16];
            for (int first = 0; first < Channels; first += ChannelsPerRun)
            {
                int channels = Math.Min(ChannelsPerRun, Channels - first);
                Weight.GatherTaps(task * 4, first, channels, taps, RunFloats);
                for (int i = 0; i < channels * 4; i += T.Count)
                {
                    Transform(taps + i, target + (first * 4) + i, positionStride, Math.Min(T.Count, (channels * 4) - i));
                }
            }
        }

        private static void Transform(float* taps, float* target, nint positionStride, int count)
        {
            float* rows = stackalloc float[Side * 3 * 16];
            for (int s = 0; s < 3; s++)
            {
                WinogradTransforms.ForFilter(T.Load(taps + (s * RunFloats)), T.Load(taps + ((3 + s) * RunFloats)),
                    T.Load(taps + ((6 + s) * RunFloats)),
                    out var r0, out var r1, out var r2, out var r3, out var r4, out var r5);
                r0.Store(rows + (s * 16));
                r1.Store(rows + ((3 + s) * 16));
                r2.Store(rows + ((6 + s) * 16));
                r3.Store(rows + ((9 + s) * 16));
                r4.Store(rows + ((12 + s) * 16));
                r5.Store(rows + ((15 + s) * 16));
            }
            for (int i = 0; i < Side; i++, target += Side * positionStride)
            {
                float* row = rows + (i * 3 * 16);
                WinogradTransforms.ForFilter(T.Load(row), T.Load(row + 16), T.Load(row + 32),
                    out var u0, out var u1, out var u2, out var u3, out var u4, out var u5);
                Put(u0, target, count);
                Put(u1, target + positionStride, count);
                Put(u2, target + (2 * positionStride), count);
                Put(u3, target + (3 * positionStride), count);
                Put(u4, target + (4 * positionStride), count);
                Put(u5, target + (5 * positionStride), count);
            }
        }

        private static void Put(T value, float* target, int count)
        {
            if (count == T.Count)
            {
                value.Store(target);
            }
            else
            {
                value.StorePart(target, count);
            }
        }
    }
}
