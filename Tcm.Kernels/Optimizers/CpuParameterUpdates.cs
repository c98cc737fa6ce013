using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Optimizers;

/// <summary>
/// Optimiser steps on the CPU: bound by memory, so each reads and writes everything once. Tasks are chunks of fixed length,
/// or whole rows where the gradient is centred first.
/// </summary>
internal sealed unsafe class CpuParameterUpdates(CpuBackend backend) : ParameterUpdates
{
    private const int Chunk = 16384;

    private protected override void SgdCore(float rate, float momentum, float decay, Slice p, Slice g, Slice v) =>
        Update(new SgdUpdate(rate, momentum, decay), 0, p, g, v, v);

    private protected override void AdamCore(AdamStep step, Slice p, Slice g, Slice m, Slice v) =>
        Update(new AdamUpdate(step), 0, p, g, m, v);

    private protected override void RectifiedAdamCore(RectifiedAdamStep step, int rows, Slice p, Slice g, Slice m, Slice v) =>
        Update(new RectifiedAdamUpdate(step), rows, p, g, m, v);

    private protected override void LookaheadCore(float share, bool assign, Slice p, Slice slow)
    {
        switch (backend.Level)
        {
            case SimdLevel.Portable: Lookahead<Floats4>(share, assign, p, slow); break;
            case SimdLevel.Avx2: Lookahead<Floats8>(share, assign, p, slow); break;
            default: Lookahead<Floats16>(share, assign, p, slow); break;
        }
    }

    private protected override void AddSquaresCore(Slice g, Slice sum)
    {
        switch (backend.Level)
        {
            case SimdLevel.Portable: AddSquares<Floats4>(g, sum); break;
            case SimdLevel.Avx2: AddSquares<Floats8>(g, sum); break;
            default: AddSquares<Floats16>(g, sum); break;
        }
    }

    private void Update<TUpdate>(TUpdate update, int rows, Slice p, Slice g, Slice m, Slice v) where TUpdate : struct, ICpuUpdate
    {
        switch (backend.Level)
        {
            case SimdLevel.Portable: Update<Floats4, TUpdate>(update, rows, p, g, m, v); break;
            case SimdLevel.Avx2: Update<Floats8, TUpdate>(update, rows, p, g, m, v); break;
            default: Update<Floats16, TUpdate>(update, rows, p, g, m, v); break;
        }
    }

    private void Update<T, TUpdate>(TUpdate update, int rows, Slice p, Slice g, Slice m, Slice v)
        where T : struct, IFloatVector<T> where TUpdate : struct, ICpuUpdate
    {
        long row = rows == 0 ? Chunk : Math.Max(1, p.Length / rows);
        var job = new UpdateJob<T, TUpdate>
        {
            Update = update,
            Centre = rows > 0,
            Length = p.Length,
            Row = row,
            PerTask = Math.Max(1, Chunk / row) * row,
            P = CpuBackend.Pointer(p),
            G = CpuBackend.Pointer(g),
            M = CpuBackend.Pointer(m),
            V = CpuBackend.Pointer(v),
        };
        backend.Team.Run(Tasks(p.Length, job.PerTask), ref job);
    }

    private void Lookahead<T>(float share, bool assign, Slice p, Slice slow) where T : struct, IFloatVector<T>
    {
        var job = new LookaheadJob<T>
        {
            Share = share,
            Assign = assign,
            Length = p.Length,
            P = CpuBackend.Pointer(p),
            Slow = CpuBackend.Pointer(slow),
        };
        backend.Team.Run(Tasks(p.Length, Chunk), ref job);
    }

    private void AddSquares<T>(Slice g, Slice sum) where T : struct, IFloatVector<T>
    {
        int tasks = Tasks(g.Length, Chunk);
        if (tasks == 0)
        {
            return;
        }
        using var partial = backend.Allocate(tasks);
        var job = new SquaresJob<T> { Length = g.Length, G = CpuBackend.Pointer(g), Sums = CpuBackend.Pointer(partial.All) };
        backend.Team.Run(tasks, ref job);
        double total = 0;
        for (int i = 0; i < tasks; i++)
        {
            total += job.Sums[i];
        }
        *CpuBackend.Pointer(sum) += (float)total;
    }

    private static int Tasks(long length, long perTask) => checked((int)((length + perTask - 1) / perTask));

    private struct UpdateJob<T, TUpdate> : IJob where T : struct, IFloatVector<T> where TUpdate : struct, ICpuUpdate
    {
        public TUpdate Update;
        public bool Centre;
        public long Length, Row, PerTask;
        public float* P, G, M, V;

        public readonly void Run(int task)
        {
            long end = Math.Min(Length, (task + 1L) * PerTask);
            for (long row = task * PerTask; row < end; row += Row)
            {
                nint count = (nint)Math.Min(Row, end - row);
                if (Centre)
                {
                    Subtract(G + row, count, RowSums.Sum<T>(G + row, count) / count);
                }
                Apply(row, count);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Subtract(float* g, nint count, float mean)
        {
            T shift = T.Create(mean);
            nint i = 0;
            for (; i <= count - T.Count; i += T.Count)
            {
                (T.Load(g + i) - shift).Store(g + i);
            }
            if (i < count)
            {
                (T.Load(g + i) - shift).StorePart(g + i, count - i);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Apply(long start, nint count)
        {
            float* p = P + start, g = G + start, m = M + start, v = V + start;
            TUpdate update = Update;
            T value, first, second = T.Create(0f);
            nint i = 0;
            for (; i <= count - T.Count; i += T.Count)
            {
                value = T.Load(p + i);
                first = T.Load(m + i);
                second = TUpdate.HasSecondMoment ? T.Load(v + i) : second;
                update.Apply(ref value, T.Load(g + i), ref first, ref second);
                value.Store(p + i);
                first.Store(m + i);
                if (TUpdate.HasSecondMoment)
                {
                    second.Store(v + i);
                }
            }
            if (i < count)
            {
                value = T.Load(p + i);
                first = T.Load(m + i);
                second = TUpdate.HasSecondMoment ? T.Load(v + i) : second;
                update.Apply(ref value, T.Load(g + i), ref first, ref second);
                value.StorePart(p + i, count - i);
                first.StorePart(m + i, count - i);
                if (TUpdate.HasSecondMoment)
                {
                    second.StorePart(v + i, count - i);
                }
            }
        }
    }

    private struct LookaheadJob<T> : IJob where T : struct, IFloatVector<T>
    {
        public float Share;
        public bool Assign;
        public long Length;
        public float* P, Slow;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int task)
        {
            long start = (long)task * Chunk;
            nint count = (nint)Math.Min(Chunk, Length - start), i = 0;
            float* p = P + start, slow = Slow + start;
            T share = T.Create(Share);
            for (; i < count; i += T.Count)
            {
                T before = T.Load(slow + i), after = T.MultiplyAdd(share, T.Load(p + i) - before, before);
                nint lanes = Math.Min(T.Count, count - i);
                Put(after, slow + i, lanes);
                if (Assign)
                {
                    Put(after, p + i, lanes);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Put(T value, float* target, nint lanes)
        {
            if (lanes == T.Count)
            {
                value.Store(target);
            }
            else
            {
                value.StorePart(target, lanes);
            }
        }
    }

    private struct SquaresJob<T> : IJob where T : struct, IFloatVector<T>
    {
        public long Length;
        public float* G, Sums;

        public readonly void Run(int task)
        {
            long start = (long)task * Chunk;
            Sums[task] = RowSums.SquaredDistance<T>(G + start, (nint)Math.Min(Chunk, Length - start), 0);
        }
    }
}
