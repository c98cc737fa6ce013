using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Normalization;

/// <summary>
/// Row normalisations on the CPU. A row is read once for each pass and stays in the first-level cache; a task is some
/// consecutive rows.
/// </summary>
internal sealed unsafe partial class CpuNormalization(CpuBackend backend) : RowNormalization
{
    private const int ValuesPerTask = 16384;

    private protected override void LayerNormCore(int rows, int columns, float eps, Slice x, Slice gamma, Slice beta, Slice y)
    {
        float* g = CpuBackend.Pointer(gamma), b = CpuBackend.Pointer(beta);
        switch (backend.Level)
        {
            case SimdLevel.Portable: Run<LayerNormRow<Floats4>>(new(eps, g, b), rows, columns, x, y); break;
            case SimdLevel.Avx2: Run<LayerNormRow<Floats8>>(new(eps, g, b), rows, columns, x, y); break;
            default: Run<LayerNormRow<Floats16>>(new(eps, g, b), rows, columns, x, y); break;
        }
    }

    private protected override void L2NormalizeCore(int rows, int columns, float eps, Slice x, Slice y)
    {
        switch (backend.Level)
        {
            case SimdLevel.Portable: Run<L2Row<Floats4>>(new(eps), rows, columns, x, y); break;
            case SimdLevel.Avx2: Run<L2Row<Floats8>>(new(eps), rows, columns, x, y); break;
            default: Run<L2Row<Floats16>>(new(eps), rows, columns, x, y); break;
        }
    }

    private protected override void SoftmaxCore(int rows, int columns, Slice x, Slice y)
    {
        switch (backend.Level)
        {
            case SimdLevel.Portable: Run<SoftmaxRow<Floats4>>(default, rows, columns, x, y); break;
            case SimdLevel.Avx2: Run<SoftmaxRow<Floats8>>(default, rows, columns, x, y); break;
            default: Run<SoftmaxRow<Floats16>>(default, rows, columns, x, y); break;
        }
    }

    private void Run<TRow>(TRow row, int rows, int columns, Slice x, Slice y) where TRow : struct, IRow
    {
        int group = Math.Max(1, ValuesPerTask / columns);
        var job = new RowsJob<TRow>
        {
            Row = row,
            Rows = rows,
            Columns = columns,
            Group = group,
            X = CpuBackend.Pointer(x),
            Y = CpuBackend.Pointer(y),
        };
        backend.Team.Run((rows + group - 1) / group, ref job);
    }

    /// <summary>What happens to one row.</summary>
    private interface IRow
    {
        void Apply(nint columns, float* x, float* y);
    }

    private struct RowsJob<TRow> : IJob where TRow : struct, IRow
    {
        public TRow Row;
        public int Rows, Columns, Group;
        public float* X, Y;

        public void Run(int task)
        {
            int end = (int)Math.Min(Rows, ((long)task + 1) * Group);
            for (int row = task * Group; row < end; row++)
            {
                long offset = (long)row * Columns;
                Row.Apply(Columns, X + offset, Y + offset);
            }
        }
    }

    private readonly struct LayerNormRow<T>(float eps, float* gamma, float* beta) : IRow where T : struct, IFloatVector<T>
    {
        private readonly float _eps = eps;
        private readonly float* _gamma = gamma, _beta = beta;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply(nint columns, float* x, float* y)
        {
            float mean = RowSums.Sum<T>(x, columns) / columns;
            float variance = RowSums.SquaredDistance<T>(x, columns, mean) / columns;
            T shift = T.Create(mean), scale = T.Create(1 / MathF.Sqrt(variance + _eps));
            nint i = 0;
            for (; i <= columns - T.Count; i += T.Count)
            {
                T value = (T.Load(x + i) - shift) * scale;
                T.MultiplyAdd(value, T.Load(_gamma + i), T.Load(_beta + i)).Store(y + i);
            }
            if (i < columns)
            {
                T value = (T.Load(x + i) - shift) * scale;
                T.MultiplyAdd(value, T.Load(_gamma + i), T.Load(_beta + i)).StorePart(y + i, columns - i);
            }
        }
    }

    private readonly struct L2Row<T>(float eps) : IRow where T : struct, IFloatVector<T>
    {
        private readonly float _eps = eps;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply(nint columns, float* x, float* y)
        {
            float norm = MathF.Max(MathF.Sqrt(RowSums.SquaredDistance<T>(x, columns, 0)), _eps);
            RowSums.Scale<T>(x, y, columns, 1 / norm);
        }
    }

    private readonly struct SoftmaxRow<T> : IRow where T : struct, IFloatVector<T>
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply(nint columns, float* x, float* y)
        {
            T max = T.Create(float.NegativeInfinity);
            nint i = 0;
            for (; i <= columns - T.Count; i += T.Count)
            {
                max = T.Max(T.Load(x + i), max);
            }
            float largest = T.Largest(max);
            for (nint rest = i; rest < columns; rest++)
            {
                largest = MathF.Max(largest, x[rest]);
            }
            T shift = T.Create(largest), sums = T.Create(0);
            for (i = 0; i <= columns - T.Count; i += T.Count)
            {
                T weight = VectorMath.Exp(T.Load(x + i) - shift);
                weight.Store(y + i);
                sums += weight;
            }
            float sum = T.Sum(sums);
            if (i < columns)
            {
                VectorMath.Exp(T.Load(x + i) - shift).StorePart(y + i, columns - i);
                for (; i < columns; i++)
                {
                    sum += y[i];
                }
            }
            RowSums.Scale<T>(y, y, columns, 1 / sum);
        }
    }
}
