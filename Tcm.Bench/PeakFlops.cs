using System.Diagnostics;
using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Bench;

/// <summary>The processor's ceiling: independent fused multiply-adds on registers, on all threads at once.</summary>
internal static class PeakFlops
{
    private const int Steps = 4_000_000;
    private const int Chains = 12;

    /// <summary>GFLOP/s of the best of a few short runs; a multiply-add counts as two.</summary>
    /// <param name="threads">0 for one a core.</param>
    /// <param name="level">Vector width; null for the widest.</param>
    public static double MeasureGflops(int threads, SimdLevel? level = null)
    {
        int count = threads == 0 ? Environment.ProcessorCount : threads;
        return (level ?? Simd.Best) switch
        {
            SimdLevel.Portable => Measure<Floats4>(count),
            SimdLevel.Avx2 => Measure<Floats8>(count),
            _ => Measure<Floats16>(count),
        };
    }

    private static double Measure<T>(int threads) where T : struct, IFloatVector<T>
    {
        double best = 0;
        for (int repeat = 0; repeat < 5; repeat++)
        {
            var workers = new Thread[threads];
            using var start = new Barrier(threads + 1);
            for (int i = 0; i < threads; i++)
            {
                workers[i] = new Thread(() =>
                {
                    start.SignalAndWait();
                    Volatile.Write(ref sink, Chain<T>(Steps));
                });
                workers[i].Start();
            }
            // Before the workers are let go: the time until they run counts against the machine, never for it.
            long began = Stopwatch.GetTimestamp();
            start.SignalAndWait();
            foreach (var worker in workers)
            {
                worker.Join();
            }
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            best = Math.Max(best, 2.0 * Steps * Chains * T.Count * threads / seconds / 1e9);
        }
        return best;
    }

    private static float sink;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Chain<T>(int steps) where T : struct, IFloatVector<T>
    {
        T a = T.Create(0.999999f), b = T.Create(1e-6f);
        T x0 = a, x1 = a, x2 = a, x3 = a, x4 = a, x5 = a, x6 = a, x7 = a, x8 = a, x9 = a, x10 = a, x11 = a;
        for (; steps > 0; steps--)
        {
            x0 = T.MultiplyAdd(x0, a, b);
            x1 = T.MultiplyAdd(x1, a, b);
            x2 = T.MultiplyAdd(x2, a, b);
            x3 = T.MultiplyAdd(x3, a, b);
            x4 = T.MultiplyAdd(x4, a, b);
            x5 = T.MultiplyAdd(x5, a, b);
            x6 = T.MultiplyAdd(x6, a, b);
            x7 = T.MultiplyAdd(x7, a, b);
            x8 = T.MultiplyAdd(x8, a, b);
            x9 = T.MultiplyAdd(x9, a, b);
            x10 = T.MultiplyAdd(x10, a, b);
            x11 = T.MultiplyAdd(x11, a, b);
        }
        return T.Sum(x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9 + x10 + x11);
    }
}
