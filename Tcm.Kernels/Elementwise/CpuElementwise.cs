using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Elementwise;

/// <summary>
/// Maps on the CPU. The function is a generic struct argument, the vector width another, so one loop serves them all. Work
/// is split into chunks of fixed size.
/// </summary>
internal sealed unsafe partial class CpuElementwise(CpuBackend backend) : ElementwiseMaps
{
    private const int Chunk = 16384;

    private protected override void ActivateCore(Activation activation, Slice x, Slice y)
    {
        switch (activation)
        {
            case Activation.None: Map(new Affine(1, 0), x, y); break;
            case Activation.Relu: Map(default(Relu), x, y); break;
            case Activation.QuickGelu: Map(default(QuickGelu), x, y); break;
            case Activation.Gelu: Map(default(Gelu), x, y); break;
            case Activation.Sigmoid: Map(default(Sigmoid), x, y); break;
            default: throw new ArgumentOutOfRangeException(nameof(activation), activation, null);
        }
    }

    private protected override void AffineCore(float scale, float offset, Slice x, Slice y) =>
        Map(new Affine(scale, offset), x, y);

    private protected override void BinaryCore(BinaryOp op, Broadcast broadcast, Slice a, Slice b, Slice y)
    {
        switch (op)
        {
            case BinaryOp.Add: Combine(default(Add), broadcast, a, b, y); break;
            case BinaryOp.Subtract: Combine(default(Subtract), broadcast, a, b, y); break;
            case BinaryOp.Multiply: Combine(default(Multiply), broadcast, a, b, y); break;
            default: throw new ArgumentOutOfRangeException(nameof(op), op, null);
        }
    }

    private protected override void AddScaledCore(float scale, Slice a, Slice b, Slice y) =>
        Combine(new AddScaled(scale), Broadcast.Full(a.Length), a, b, y);

    private void Map<TMap>(TMap map, Slice x, Slice y) where TMap : struct, IMap
    {
        float* source = CpuBackend.Pointer(x), target = CpuBackend.Pointer(y);
        switch (backend.Level)
        {
            case SimdLevel.Portable: Map<Floats4, TMap>(map, x.Length, source, target); break;
            case SimdLevel.Avx2: Map<Floats8, TMap>(map, x.Length, source, target); break;
            default: Map<Floats16, TMap>(map, x.Length, source, target); break;
        }
    }

    private void Map<T, TMap>(TMap map, long length, float* x, float* y)
        where T : struct, IFloatVector<T> where TMap : struct, IMap
    {
        var job = new MapJob<T, TMap> { Map = map, Length = length, X = x, Y = y };
        backend.Team.Run(Tasks(length), ref job);
    }

    private void Combine<TMap>(TMap map, Broadcast broadcast, Slice a, Slice b, Slice y) where TMap : struct, IBinaryMap
    {
        float* left = CpuBackend.Pointer(a), right = CpuBackend.Pointer(b), target = CpuBackend.Pointer(y);
        switch (backend.Level)
        {
            case SimdLevel.Portable: Combine<Floats4, TMap>(map, broadcast, left, right, target); break;
            case SimdLevel.Avx2: Combine<Floats8, TMap>(map, broadcast, left, right, target); break;
            default: Combine<Floats16, TMap>(map, broadcast, left, right, target); break;
        }
    }

    private void Combine<T, TMap>(TMap map, Broadcast broadcast, float* a, float* b, float* y)
        where T : struct, IFloatVector<T> where TMap : struct, IBinaryMap
    {
        // Runs are as long as b allows: consecutive middle values that lie side by side, or inner values that share one.
        long length = broadcast.Length;
        var job = new BinaryJob<T, TMap> { Map = map, Length = length, A = a, B = b, Y = y };
        if (broadcast.Inner == 1 && (broadcast.OuterStride == broadcast.Middle || broadcast.Outer == 1))
        {
            job.Run = job.Middle = length;
            job.OuterStride = 0;
        }
        else if (broadcast.Inner == 1)
        {
            job.Run = job.Middle = broadcast.Middle;
            job.OuterStride = broadcast.OuterStride;
        }
        else
        {
            job.Run = broadcast.Inner;
            job.Middle = broadcast.Middle;
            job.OuterStride = broadcast.OuterStride;
            job.Shared = true;
        }
        backend.Team.Run(Tasks(length), ref job);
    }

    private static int Tasks(long length) => checked((int)((length + Chunk - 1) / Chunk));

    private struct MapJob<T, TMap> : IJob where T : struct, IFloatVector<T> where TMap : struct, IMap
    {
        public TMap Map;
        public long Length;
        public float* X, Y;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task)
        {
            long start = (long)task * Chunk;
            nint count = (nint)Math.Min(Chunk, Length - start);
            float* x = X + start, y = Y + start;
            TMap map = Map;
            nint i = 0;
            for (; i <= count - T.Count; i += T.Count)
            {
                map.Apply(T.Load(x + i)).Store(y + i);
            }
            if (i < count)
            {
                map.Apply(T.Load(x + i)).StorePart(y + i, count - i);
            }
        }
    }

    /// <summary>y[i] = a[i] op b[...] over runs; a run has its own part of b, or with Shared one value of b.</summary>
    private struct BinaryJob<T, TMap> : IJob where T : struct, IFloatVector<T> where TMap : struct, IBinaryMap
    {
        public TMap Map;
        public long Length, Run, Middle, OuterStride;
        public bool Shared;
        public float* A, B, Y;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        void IJob.Run(int task)
        {
            long position = (long)task * Chunk, end = Math.Min(Length, position + Chunk);
            while (position < end)
            {
                long run = position / Run, offset = position - run * Run;
                nint count = (nint)Math.Min(Run - offset, end - position);
                if (Shared)
                {
                    long outer = run / Middle;
                    MapShared(count, A + position, B[outer * OuterStride + (run - outer * Middle)], Y + position);
                }
                else
                {
                    MapPairs(count, A + position, B + run * OuterStride + offset, Y + position);
                }
                position += count;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void MapPairs(nint count, float* a, float* b, float* y)
        {
            TMap map = Map;
            nint i = 0;
            for (; i <= count - T.Count; i += T.Count)
            {
                map.Apply(T.Load(a + i), T.Load(b + i)).Store(y + i);
            }
            if (i < count)
            {
                map.Apply(T.Load(a + i), T.Load(b + i)).StorePart(y + i, count - i);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void MapShared(nint count, float* a, float b, float* y)
        {
            TMap map = Map;
            T operand = T.Create(b);
            nint i = 0;
            for (; i <= count - T.Count; i += T.Count)
            {
                map.Apply(T.Load(a + i), operand).Store(y + i);
            }
            if (i < count)
            {
                map.Apply(T.Load(a + i), operand).StorePart(y + i, count - i);
            }
        }
    }
}
