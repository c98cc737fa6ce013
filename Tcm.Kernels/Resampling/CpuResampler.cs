using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Resampling;

/// <summary>
/// Resizing on the CPU. A task is a band of output rows of one plane. Nearest: a source row is stretched once into a buffer
/// and then copied or added to all its output rows. Bilinear: two source rows are blended into a buffer as vectors, the
/// buffer is then blended along the row. Source coordinates are computed in float, as PyTorch does.
/// </summary>
internal sealed unsafe partial class CpuResampler(CpuBackend backend) : Resampler
{
    private const int ValuesPerTask = 32768;

    private protected override void ResizeCore(ResizeMode mode, ResizeShape shape, Slice x, Slice y, bool accumulate)
    {
        float* source = CpuBackend.Pointer(x), target = CpuBackend.Pointer(y);
        switch (backend.Level)
        {
            case SimdLevel.Portable: Resize<Floats4>(mode, shape, source, target, accumulate); break;
            case SimdLevel.Avx2: Resize<Floats8>(mode, shape, source, target, accumulate); break;
            default: Resize<Floats16>(mode, shape, source, target, accumulate); break;
        }
    }

    private void Resize<T>(ResizeMode mode, ResizeShape shape, float* x, float* y, bool accumulate)
        where T : struct, IFloatVector<T>
    {
        int rows = Math.Clamp(ValuesPerTask / shape.OutW, 1, shape.OutH);
        int bands = (shape.OutH + rows - 1) / rows;
        int planes = checked(shape.N * shape.C);
        // Small planes share a task.
        int group = (int)Math.Clamp(ValuesPerTask / ((long)shape.OutH * shape.OutW), 1, planes);
        var job = new Job<T>
        {
            Mode = mode,
            Shape = shape,
            Accumulate = accumulate,
            Rows = rows,
            Bands = bands,
            Group = group,
            X = x,
            Y = y,
        };
        backend.Team.Run(checked((planes + group - 1) / group * bands), ref job);
    }

    private struct Job<T> : IJob where T : struct, IFloatVector<T>
    {
        public ResizeMode Mode;
        public ResizeShape Shape;
        public bool Accumulate;
        public int Rows, Bands, Group;
        public float* X, Y;

        public readonly void Run(int task)
        {
            int first = task % Bands * Rows, last = Math.Min(Shape.OutH, first + Rows);
            int plane = task / Bands * Group, end = Math.Min(Shape.N * Shape.C, plane + Group);
            // A row buffer, then for each output column its source index and, for bilinear, the weight of the next.
            int width = Math.Max(Shape.InW, Shape.OutW);
            float* buffer = Scratch.Get((long)width + 64 + 2L * Shape.OutW);
            int* columns = (int*)(buffer + width + 64);
            float* weights = (float*)(columns + Shape.OutW);
            for (int j = 0; j < Shape.OutW; j++)
            {
                columns[j] = Mode == ResizeMode.Nearest
                    ? Nearest(j, Shape.InW, Shape.OutW)
                    : Bilinear(j, Shape.InW, Shape.OutW, out weights[j]);
            }
            for (; plane < end; plane++)
            {
                float* x = X + (long)plane * Shape.InH * Shape.InW;
                float* y = Y + plane / Shape.C * Shape.OutputStride + (long)(plane % Shape.C) * Shape.OutH * Shape.OutW;
                if (Mode == ResizeMode.Nearest)
                {
                    NearestRows(x, y, first, last, buffer, columns);
                }
                else
                {
                    BilinearRows(x, y, first, last, buffer, columns, weights);
                }
            }
        }

        private static int Nearest(int i, int inSize, int outSize) =>
            Math.Min((int)(i * ((float)inSize / outSize)), inSize - 1);

        private static int Bilinear(int i, int inSize, int outSize, out float weight)
        {
            float position = MathF.Max(0, (float)inSize / outSize * (i + 0.5f) - 0.5f);
            int index = Math.Min((int)position, inSize - 1);
            weight = position - index;
            return index;
        }

        private readonly void NearestRows(float* x, float* y, int first, int last, float* buffer, int* columns)
        {
            int held = -1;
            for (int i = first; i < last; i++)
            {
                int row = Nearest(i, Shape.InH, Shape.OutH);
                float* source = x + (long)row * Shape.InW, target = y + (long)i * Shape.OutW;
                if (Shape.InW != Shape.OutW)
                {
                    if (row != held)
                    {
                        Stretch(source, buffer, columns);
                        held = row;
                    }
                    source = buffer;
                }
                if (Accumulate)
                {
                    AddRow(source, target, Shape.OutW);
                }
                else
                {
                    new ReadOnlySpan<float>(source, Shape.OutW).CopyTo(new Span<float>(target, Shape.OutW));
                }
            }
        }

        /// <summary>buffer[j] = row[columns[j]]; may write a vector past the end of the buffer.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Stretch(float* row, float* buffer, int* columns)
        {
            if (Shape.OutW == 2 * Shape.InW)
            {
                for (nint i = 0; i < Shape.InW; i += T.Count)
                {
                    var (low, high) = T.Duplicate(T.Load(row + i));
                    low.Store(buffer + 2 * i);
                    high.Store(buffer + 2 * i + T.Count);
                }
                return;
            }
            for (int j = 0; j < Shape.OutW; j++)
            {
                buffer[j] = row[columns[j]];
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void BilinearRows(float* x, float* y, int first, int last, float* buffer, int* columns, float* weights)
        {
            for (int i = first; i < last; i++)
            {
                int row = Bilinear(i, Shape.InH, Shape.OutH, out float weight);
                float* top = x + (long)row * Shape.InW, bottom = row + 1 < Shape.InH ? top + Shape.InW : top;
                T v = T.Create(weight);
                for (nint j = 0; j < Shape.InW; j += T.Count)
                {
                    T upper = T.Load(top + j);
                    T.MultiplyAdd(T.Load(bottom + j) - upper, v, upper).Store(buffer + j);
                }
                // The last column's right neighbour is itself.
                buffer[Shape.InW] = buffer[Shape.InW - 1];
                float* target = y + (long)i * Shape.OutW;
                for (int j = 0; j < Shape.OutW; j++)
                {
                    float* pair = buffer + columns[j];
                    float value = pair[0] + weights[j] * (pair[1] - pair[0]);
                    target[j] = Accumulate ? target[j] + value : value;
                }
            }
        }

        /// <summary>y += x</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void AddRow(float* x, float* y, nint count)
        {
            nint i = 0;
            for (; i <= count - T.Count; i += T.Count)
            {
                (T.Load(y + i) + T.Load(x + i)).Store(y + i);
            }
            for (; i < count; i++)
            {
                y[i] += x[i];
            }
        }
    }
}
