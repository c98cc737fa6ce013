using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Pooling;

/// <summary>Average pooling on the CPU; 2x2 adds two rows as vectors and then neighbours. A task is some output rows.</summary>
internal sealed unsafe partial class CpuPooling(CpuBackend backend) : AveragePooling
{
    private const int ValuesPerTask = 32768;

    private protected override void ForwardCore(int planes, int h, int w, int kernel, Slice x, Slice y)
    {
        float* source = CpuBackend.Pointer(x), target = CpuBackend.Pointer(y);
        switch (backend.Level)
        {
            case SimdLevel.Portable: Forward<Floats4>(planes, h, w, kernel, source, target); break;
            case SimdLevel.Avx2: Forward<Floats8>(planes, h, w, kernel, source, target); break;
            default: Forward<Floats16>(planes, h, w, kernel, source, target); break;
        }
    }

    private void Forward<T>(int planes, int h, int w, int kernel, float* x, float* y) where T : struct, IFloatVector<T>
    {
        long rows = (long)planes * (h / kernel);
        int group = (int)Math.Clamp(ValuesPerTask / ((long)w * kernel), 1, rows);
        var job = new Job<T> { Rows = rows, Group = group, H = h, W = w, Kernel = kernel, X = x, Y = y };
        backend.Team.Run(checked((int)((rows + group - 1) / group)), ref job);
    }

    /// <summary>A row of the means of 2x2 blocks, from two rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Halve<T>(float* top, float* bottom, float* y, nint count) where T : struct, IFloatVector<T>
    {
        T quarter = T.Create(0.25f);
        nint i = 0;
        for (; i <= count - T.Count; i += T.Count)
        {
            T left = T.Load(top + 2 * i) + T.Load(bottom + 2 * i);
            T right = T.Load(top + 2 * i + T.Count) + T.Load(bottom + 2 * i + T.Count);
            (T.PairSums(left, right) * quarter).Store(y + i);
        }
        for (; i < count; i++)
        {
            y[i] = (top[2 * i] + bottom[2 * i] + (top[2 * i + 1] + bottom[2 * i + 1])) * 0.25f;
        }
    }

    private struct Job<T> : IJob where T : struct, IFloatVector<T>
    {
        public long Rows;
        public int Group, H, W, Kernel;
        public float* X, Y;

        public readonly void Run(int task)
        {
            int p = H / Kernel, q = W / Kernel;
            long end = Math.Min(Rows, ((long)task + 1) * Group);
            for (long row = (long)task * Group; row < end; row++)
            {
                long plane = row / p;
                float* source = X + (plane * H + (row - plane * p) * Kernel) * W, target = Y + row * q;
                if (Kernel == 2)
                {
                    Halve<T>(source, source + W, target, q);
                }
                else
                {
                    Row(source, target, q);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Row(float* x, float* y, int count)
        {
            float scale = 1f / ((float)Kernel * Kernel);
            for (int i = 0; i < count; i++, x += Kernel)
            {
                float sum = 0;
                float* row = x;
                for (int r = 0; r < Kernel; r++, row += W)
                {
                    for (int s = 0; s < Kernel; s++)
                    {
                        sum += row[s];
                    }
                }
                y[i] = sum * scale;
            }
        }
    }
}
