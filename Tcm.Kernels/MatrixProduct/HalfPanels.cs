using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>
/// Weights of a linear layer that are all numbers of half precision, as in a checkpoint that stores halves: they are kept so, and
/// a task widens the panels that it owns. A layer of few rows waits for its weight to come from memory, and that is then half as
/// long; the result has the same bits.
/// </summary>
internal static unsafe class HalfPanels<T> where T : struct, IFloatVector<T>
{
    private const int PerTask = 64 * 1024;

    /// <summary>Floats as halves, or null where a value is none.</summary>
    public static CpuBuffer? TryNarrow(ThreadTeam team, float* floats, long count)
    {
        var halves = new CpuBuffer((count + 1) / 2);
        int inexact = 0;
        var job = new NarrowJob { From = floats, To = (ushort*)halves.Pointer, Count = count, Inexact = &inexact };
        team.Run((int)((count + PerTask - 1) / PerTask), ref job);
        if (inexact == 0)
        {
            return halves;
        }
        halves.Dispose();
        return null;
    }

    /// <summary>As many floats as halves; the count is a multiple of the vector's.</summary>
    public static void Widen(ushort* from, float* to, long count)
    {
        for (long i = 0; i < count; i += T.Count)
        {
            T.LoadHalves(from + i).Store(to + i);
        }
    }

    private struct NarrowJob : IJob
    {
        public float* From;
        public ushort* To;
        public long Count;
        public int* Inexact;

        public readonly void Run(int task)
        {
            long first = (long)task * PerTask, last = Math.Min(first + PerTask, Count);
            for (long i = first; i < last && Volatile.Read(ref *Inexact) == 0; i++)
            {
                var half = (Half)From[i];
                if (!Half.IsFinite(half) || BitConverter.SingleToInt32Bits((float)half) != BitConverter.SingleToInt32Bits(From[i]))
                {
                    Volatile.Write(ref *Inexact, 1);
                }
                To[i] = BitConverter.HalfToUInt16Bits(half);
            }
        }
    }
}
