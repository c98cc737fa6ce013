using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Indexing;

/// <summary>Copies on the CPU. A task moves a block of fixed size.</summary>
internal sealed unsafe partial class CpuDataMovement(CpuBackend backend) : DataMovement
{
    private const int ValuesPerTask = 32768;

    private protected override void TransposeCore(int batch, int rows, int columns, Slice x, Slice y)
    {
        int blocks = (rows + TransposeJob.BlockRows - 1) / TransposeJob.BlockRows;
        var job = new TransposeJob
        {
            Rows = rows,
            Columns = columns,
            Blocks = blocks,
            X = CpuBackend.Pointer(x),
            Y = CpuBackend.Pointer(y),
        };
        int tasks = checked(batch * blocks);
        if ((long)batch * rows * columns < ValuesPerTask)
        {
            for (int task = 0; task < tasks; task++)
            {
                job.Run(task);
            }
            return;
        }
        backend.Team.Run(tasks, ref job);
    }

    private protected override void CopyRunsCore(int count, long run, Slice x, long xStride, Slice y, long yStride)
    {
        int group = (int)Math.Clamp(ValuesPerTask / run, 1, count);
        var job = new CopyJob
        {
            Count = count,
            Group = group,
            Run = run,
            XStride = xStride,
            YStride = yStride,
            X = CpuBackend.Pointer(x),
            Y = CpuBackend.Pointer(y),
        };
        backend.Team.Run((count + group - 1) / group, ref job);
    }

    private protected override void GatherRowsCore(int width, Slice table, ReadOnlySpan<int> ids, Slice y)
    {
        float* source = CpuBackend.Pointer(table), target = CpuBackend.Pointer(y);
        long bytes = (long)width * sizeof(float);
        for (int i = 0; i < ids.Length; i++)
        {
            Buffer.MemoryCopy(source + (long)ids[i] * width, target + (long)i * width, bytes, bytes);
        }
    }

    private struct CopyJob : IJob
    {
        public int Count, Group;
        public long Run, XStride, YStride;
        public float* X, Y;

        readonly void IJob.Run(int task)
        {
            long end = Math.Min(Count, ((long)task + 1) * Group), bytes = Run * sizeof(float);
            for (long i = (long)task * Group; i < end; i++)
            {
                Buffer.MemoryCopy(X + i * XStride, Y + i * YStride, bytes, bytes);
            }
        }
    }

    /// <summary>Transposes rows [BlockRows * block, ...) of one matrix, in squares whose lines stay in the first-level cache:
    /// reads walk down 16 rows, writes fill whole lines.</summary>
    private struct TransposeJob : IJob
    {
        public const int BlockRows = 16;
        public int Rows, Columns, Blocks;
        public float* X, Y;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int task)
        {
            int batch = task / Blocks, first = (task - batch * Blocks) * BlockRows, count = Math.Min(BlockRows, Rows - first);
            long matrix = (long)batch * Rows * Columns;
            float* x = X + matrix + (long)first * Columns, y = Y + matrix + first;
            nint columns = Columns, rows = Rows;
            nint c = 0;
            if (count == BlockRows)
            {
                // Columns outside: four lines of y are filled at a time, while 16 lines of x are in use for four steps.
                for (; c <= columns - 4; c += 4)
                {
                    float* target = y + c * rows;
                    Floats4.Transpose(x + c, columns, target, rows);
                    Floats4.Transpose(x + 4 * columns + c, columns, target + 4, rows);
                    Floats4.Transpose(x + 8 * columns + c, columns, target + 8, rows);
                    Floats4.Transpose(x + 12 * columns + c, columns, target + 12, rows);
                }
            }
            for (; c < columns; c++)
            {
                float* source = x + c, target = y + c * rows;
                for (int r = 0; r < count; r++, source += columns)
                {
                    target[r] = *source;
                }
            }
        }
    }
}
