using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Reduction;

/// <summary>
/// Axis sums on the CPU. With inner values a task sums some columns of one outer index, a few vectors of them at a time;
/// without, a task sums whole rows.
/// </summary>
internal sealed unsafe class CpuReduction(CpuBackend backend) : AxisReduction
{
    private const int ColumnsPerTask = 256;
    private const int ValuesPerTask = 32768;

    private protected override void SumCore(int outer, int axis, int inner, float scale, Slice x, Slice y)
    {
        float* source = CpuBackend.Pointer(x), target = CpuBackend.Pointer(y);
        switch (backend.Level)
        {
            case SimdLevel.Portable: Sum<Floats4>(outer, axis, inner, scale, source, target); break;
            case SimdLevel.Avx2: Sum<Floats8>(outer, axis, inner, scale, source, target); break;
            default: Sum<Floats16>(outer, axis, inner, scale, source, target); break;
        }
    }

    private void Sum<T>(int outer, int axis, int inner, float scale, float* x, float* y) where T : struct, IFloatVector<T>
    {
        if (inner == 1)
        {
            int group = Math.Max(1, ValuesPerTask / axis);
            var rows = new RowJob<T> { Rows = outer, Axis = axis, Group = group, Scale = scale, X = x, Y = y };
            backend.Team.Run((outer + group - 1) / group, ref rows);
            return;
        }
        int chunks = (inner + ColumnsPerTask - 1) / ColumnsPerTask;
        long blocks = (long)outer * chunks;
        int perTask = (int)Math.Clamp(ValuesPerTask / ((long)axis * Math.Min(inner, ColumnsPerTask)), 1, blocks);
        var columns = new ColumnJob<T>
        {
            Blocks = blocks,
            PerTask = perTask,
            Chunks = chunks,
            Axis = axis,
            Inner = inner,
            Scale = scale,
            X = x,
            Y = y,
        };
        backend.Team.Run(checked((int)((blocks + perTask - 1) / perTask)), ref columns);
    }

    private struct RowJob<T> : IJob where T : struct, IFloatVector<T>
    {
        public int Rows, Axis, Group;
        public float Scale;
        public float* X, Y;

        public readonly void Run(int task)
        {
            int end = (int)Math.Min(Rows, ((long)task + 1) * Group);
            for (int row = task * Group; row < end; row++)
            {
                Y[row] = RowSums.Sum<T>(X + (long)row * Axis, Axis) * Scale;
            }
        }
    }

    private struct ColumnJob<T> : IJob where T : struct, IFloatVector<T>
    {
        public long Blocks;
        public int PerTask, Chunks, Axis, Inner;
        public float Scale;
        public float* X, Y;

        public readonly void Run(int task)
        {
            long end = Math.Min(Blocks, ((long)task + 1) * PerTask);
            for (long block = (long)task * PerTask; block < end; block++)
            {
                long outer = block / Chunks;
                int first = (int)(block - outer * Chunks) * ColumnsPerTask;
                Columns(X + outer * Axis * Inner + first, Y + outer * Inner + first, Math.Min(ColumnsPerTask, Inner - first));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Columns(float* x, float* y, nint count)
        {
            T scale = T.Create(Scale);
            nint i = 0;
            for (; i <= count - 4 * T.Count; i += 4 * T.Count)
            {
                T s0 = T.Create(0), s1 = s0, s2 = s0, s3 = s0;
                float* row = x + i;
                for (int a = 0; a < Axis; a++, row += Inner)
                {
                    s0 += T.Load(row);
                    s1 += T.Load(row + T.Count);
                    s2 += T.Load(row + 2 * T.Count);
                    s3 += T.Load(row + 3 * T.Count);
                }
                (s0 * scale).Store(y + i);
                (s1 * scale).Store(y + i + T.Count);
                (s2 * scale).Store(y + i + 2 * T.Count);
                (s3 * scale).Store(y + i + 3 * T.Count);
            }
            for (; i < count; i += T.Count)
            {
                T sum = T.Create(0);
                float* row = x + i;
                for (int a = 0; a < Axis; a++, row += Inner)
                {
                    sum += T.Load(row);
                }
                (sum * scale).StorePart(y + i, Math.Min(T.Count, count - i));
            }
        }
    }
}
