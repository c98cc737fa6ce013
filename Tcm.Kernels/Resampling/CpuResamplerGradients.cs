using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Resampling;

/// <summary>
/// The transposed resize on the CPU; a task is one plane. Output rows are first summed into the source rows that they read,
/// as vectors into a row of output width; that row is then summed along itself.
/// </summary>
internal sealed unsafe partial class CpuResampler
{
    private protected override void ResizeBackwardCore(ResizeMode mode, ResizeShape shape, Slice dy, Slice dx)
    {
        float* source = CpuBackend.Pointer(dy), target = CpuBackend.Pointer(dx);
        switch (backend.Level)
        {
            case SimdLevel.Portable: Run(new GradientJob<Floats4> { Mode = mode, Shape = shape, Dy = source, Dx = target }); break;
            case SimdLevel.Avx2: Run(new GradientJob<Floats8> { Mode = mode, Shape = shape, Dy = source, Dx = target }); break;
            default: Run(new GradientJob<Floats16> { Mode = mode, Shape = shape, Dy = source, Dx = target }); break;
        }

        void Run<TJob>(TJob planes) where TJob : struct, IJob => backend.Team.Run(shape.N * shape.C, ref planes);
    }

    private struct GradientJob<T> : IJob where T : struct, IFloatVector<T>
    {
        public ResizeMode Mode;
        public ResizeShape Shape;
        public float* Dy, Dx;

        public readonly void Run(int plane)
        {
            var s = Shape;
            float* dy = Dy + (plane / s.C * s.OutputStride) + ((long)(plane % s.C) * s.OutH * s.OutW);
            float* dx = Dx + ((long)plane * s.InH * s.InW);
            // One row of output width for each source row that is still open: the current one and the next.
            int width = (s.OutW + 63) & ~63;
            float* current = Scratch.Get(2L * width);
            float* next = current + width;
            new Span<float>(current, 2 * width).Clear();
            int open = 0;
            for (int y = 0; y < s.OutH; y++)
            {
                var (row, weight) = Source(y, s.InH, s.OutH);
                while (open < row)
                {
                    Columns(current, dx + ((long)open * s.InW));
                    float* done = current;
                    current = next;
                    next = done;
                    new Span<float>(next, s.OutW).Clear();
                    open++;
                }
                float* line = dy + ((long)y * s.OutW);
                AddScaled(current, line, s.OutW, 1 - weight);
                if (weight > 0)
                {
                    AddScaled(next, line, s.OutW, weight);
                }
            }
            for (; open < s.InH; open++)
            {
                Columns(current, dx + ((long)open * s.InW));
                float* done = current;
                current = next;
                next = done;
                new Span<float>(next, s.OutW).Clear();
            }
        }

        /// <summary>The first source of an output coordinate and the weight of the one after it.</summary>
        private readonly (int Index, float Weight) Source(int i, int inputs, int outputs)
        {
            if (Mode == ResizeMode.Nearest)
            {
                return (Math.Min((int)(i * ((float)inputs / outputs)), inputs - 1), 0);
            }
            float at = Math.Max(0, ((i + 0.5f) * ((float)inputs / outputs)) - 0.5f);
            int index = Math.Min((int)at, inputs - 1);
            return (index, index == inputs - 1 ? 0 : at - index);
        }

        private readonly void Columns(float* sums, float* dx)
        {
            var target = new Span<float>(dx, Shape.InW);
            target.Clear();
            if (Mode == ResizeMode.Nearest && Shape.OutW % Shape.InW == 0)
            {
                int factor = Shape.OutW / Shape.InW;
                for (int x = 0; x < Shape.InW; x++, sums += factor)
                {
                    float sum = 0;
                    for (int i = 0; i < factor; i++)
                    {
                        sum += sums[i];
                    }
                    dx[x] = sum;
                }
                return;
            }
            for (int x = 0; x < Shape.OutW; x++)
            {
                var (column, weight) = Source(x, Shape.InW, Shape.OutW);
                dx[column] += sums[x] * (1 - weight);
                if (weight > 0)
                {
                    dx[column + 1] += sums[x] * weight;
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void AddScaled(float* target, float* source, nint count, float scale)
        {
            // The row has room for whole vectors, and every tensor has readable slack behind it.
            T factor = T.Create(scale);
            for (nint i = 0; i < count; i += T.Count)
            {
                T.MultiplyAdd(T.Load(source + i), factor, T.Load(target + i)).Store(target + i);
            }
        }
    }
}
