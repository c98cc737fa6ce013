using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Attention;

/// <summary>
/// Gradients of attention on the CPU; a task is one head of one sequence. For each query: the softmax row again, then
/// dP = dy v^T, dS = P (dP - sum P dP), dq = scale dS k, dk += scale dS^T q, dv += P^T dy. Keys and values lie in scratch both
/// as rows (padded to whole vectors) and transposed, so that every loop runs over vectors of keys or of the head's width; four
/// queries go together, so that each vector of them is loaded once for four.
/// </summary>
internal sealed unsafe partial class CpuAttention
{
    private protected override void BackwardCore(AttentionShape shape, Slice q, Slice k, Slice v, Slice dy, Slice dq, Slice dk,
        Slice dv)
    {
        var pointers = new GradientPointers
        {
            Shape = shape,
            Q = CpuBackend.Pointer(q),
            K = CpuBackend.Pointer(k),
            V = CpuBackend.Pointer(v),
            Dy = CpuBackend.Pointer(dy),
            Dq = CpuBackend.Pointer(dq),
            Dk = CpuBackend.Pointer(dk),
            Dv = CpuBackend.Pointer(dv),
        };
        switch (backend.Level)
        {
            case SimdLevel.Portable: Run(new GradientJob<Floats4> { P = pointers }); break;
            case SimdLevel.Avx2: Run(new GradientJob<Floats8> { P = pointers }); break;
            default: Run(new GradientJob<Floats16> { P = pointers }); break;
        }

        void Run<TJob>(TJob job) where TJob : struct, IJob => backend.Team.Run(shape.Batch * shape.Heads, ref job);
    }

    /// <summary>Queries that go together.</summary>
    private const int Together = 4;

    private struct GradientPointers
    {
        public AttentionShape Shape;
        public float* Q, K, V, Dy, Dq, Dk, Dv;
    }

    private struct GradientJob<T> : IJob where T : struct, IFloatVector<T>
    {
        public GradientPointers P;

        public readonly void Run(int task)
        {
            var s = P.Shape;
            int head = task % s.Heads, batch = task / s.Heads, part = head * s.HeadDim;
            int width = RoundUp(s.HeadDim), keys = RoundUp(s.Keys);
            long rows = (long)s.Keys * width, planes = (long)s.HeadDim * keys;
            long size = (3 * rows) + (2 * planes) + (2L * Together * keys) + (3L * Together * width);
            float* k = Scratch.Get(size);
            float* dk = k + rows, dv = dk + rows, kt = dv + rows, vt = kt + planes;
            float* weights = vt + planes, gradients = weights + (Together * keys);
            float* q = gradients + (Together * keys), dy = q + (Together * width), dq = dy + (Together * width);
            new Span<float>(k, checked((int)size)).Clear();
            for (int j = 0; j < s.Keys; j++)
            {
                float* key = P.K + ((((long)batch * s.Keys) + j) * s.KeyStride) + part;
                float* value = P.V + ((((long)batch * s.Keys) + j) * s.ValueStride) + part;
                for (int d = 0; d < s.HeadDim; d++)
                {
                    k[((long)j * width) + d] = kt[((long)d * keys) + j] = key[d];
                    vt[((long)d * keys) + j] = value[d];
                }
            }
            for (int i = 0; i < s.Queries; i += Together)
            {
                int queries = Math.Min(Together, s.Queries - i), seen = s.Causal ? i + queries : s.Keys;
                long row = ((long)batch * s.Queries) + i;
                for (int lane = 0; lane < queries; lane++)
                {
                    new ReadOnlySpan<float>(P.Q + ((row + lane) * s.QueryStride) + part, s.HeadDim).CopyTo(
                        new Span<float>(q + (lane * width), width));
                    new ReadOnlySpan<float>(P.Dy + ((row + lane) * s.Width) + part, s.HeadDim).CopyTo(
                        new Span<float>(dy + (lane * width), width));
                }
                Combine(kt, keys, q, width, s.HeadDim, s.Scale, weights, seen);
                Combine(vt, keys, dy, width, s.HeadDim, 1, gradients, seen);
                for (int lane = 0; lane < Together; lane++)
                {
                    // A query that is not there, like a key that a causal query does not see, has weight and gradient 0.
                    int count = lane >= queries ? 0 : s.Causal ? i + lane + 1 : s.Keys;
                    Softmax(weights + (lane * keys), gradients + (lane * keys), count, seen, s.Scale);
                }
                Scatter(k, dk, dv, q, dy, dq, weights, gradients, seen, width, keys);
                for (int lane = 0; lane < queries; lane++)
                {
                    new ReadOnlySpan<float>(dq + (lane * width), s.HeadDim).CopyTo(
                        new Span<float>(P.Dq + ((row + lane) * s.QueryStride) + part, s.HeadDim));
                }
            }
            for (int j = 0; j < s.Keys; j++)
            {
                new ReadOnlySpan<float>(dk + ((long)j * width), s.HeadDim).CopyTo(
                    new Span<float>(P.Dk + ((((long)batch * s.Keys) + j) * s.KeyStride) + part, s.HeadDim));
                new ReadOnlySpan<float>(dv + ((long)j * width), s.HeadDim).CopyTo(
                    new Span<float>(P.Dv + ((((long)batch * s.Keys) + j) * s.ValueStride) + part, s.HeadDim));
            }
        }

        private static int RoundUp(int count) => (count + T.Count - 1) / T.Count * T.Count;

        /// <summary>target[lane][j] = scale * sum over d of x[lane][d] * planes[d][j], for four lanes.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Combine(float* planes, nint stride, float* x, nint width, int depth, float scale, float* target, int count)
        {
            T factor = T.Create(scale);
            for (nint j = 0; j < count; j += T.Count)
            {
                T sum0 = T.Create(0), sum1 = sum0, sum2 = sum0, sum3 = sum0;
                float* column = planes + j, lane = x;
                for (int d = 0; d < depth; d++, column += stride, lane++)
                {
                    T value = T.Load(column);
                    sum0 = T.MultiplyAdd(T.Create(lane[0]), value, sum0);
                    sum1 = T.MultiplyAdd(T.Create(lane[width]), value, sum1);
                    sum2 = T.MultiplyAdd(T.Create(lane[2 * width]), value, sum2);
                    sum3 = T.MultiplyAdd(T.Create(lane[3 * width]), value, sum3);
                }
                float* to = target + j;
                (sum0 * factor).Store(to);
                (sum1 * factor).Store(to + stride);
                (sum2 * factor).Store(to + (2 * stride));
                (sum3 * factor).Store(to + (3 * stride));
            }
        }

        /// <summary>
        /// Scores to softmax weights over the first <paramref name="count"/>, and the weights' gradients to those of the scores
        /// before their scale; 0 behind them up to <paramref name="end"/>, rounded up to whole vectors.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Softmax(float* weights, float* gradients, int count, int end, float scale)
        {
            int padded = RoundUp(end);
            new Span<float>(weights + count, padded - count).Fill(float.NegativeInfinity);
            new Span<float>(gradients + count, padded - count).Clear();
            if (count == 0)
            {
                new Span<float>(weights, padded).Clear();
                return;
            }
            T largest = T.Load(weights);
            for (int j = T.Count; j < padded; j += T.Count)
            {
                largest = T.Max(T.Load(weights + j), largest);
            }
            T max = T.Create(T.Largest(largest)), sums = T.Create(0), products = sums;
            for (int j = 0; j < padded; j += T.Count)
            {
                T weight = VectorMath.Exp(T.Load(weights + j) - max);
                weight.Store(weights + j);
                sums = sums + weight;
                products = T.MultiplyAdd(weight, T.Load(gradients + j), products);
            }
            float share = 1 / T.Sum(sums);
            T factor = T.Create(share), mean = T.Create(T.Sum(products) * share), scales = T.Create(scale);
            for (int j = 0; j < padded; j += T.Count)
            {
                T weight = T.Load(weights + j) * factor;
                weight.Store(weights + j);
                (weight * (T.Load(gradients + j) - mean) * scales).Store(gradients + j);
            }
        }

        /// <summary>dq = dS k, dk += dS^T q, dv += P^T dy for four queries.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Scatter(float* k, float* dk, float* dv, float* q, float* dy, float* dq, float* weights, float* gradients,
            int count, nint width, nint keys)
        {
            for (nint d = 0; d < width; d += T.Count)
            {
                T q0 = T.Load(q + d), q1 = T.Load(q + width + d), q2 = T.Load(q + (2 * width) + d), q3 = T.Load(q + (3 * width) + d);
                T sum0 = T.Create(0), sum1 = sum0, sum2 = sum0, sum3 = sum0;
                nint at = d;
                for (nint j = 0; j < count; j++, at += width)
                {
                    T key = T.Load(k + at), sum = T.Load(dk + at), gradient = T.Create(gradients[j]);
                    sum0 = T.MultiplyAdd(gradient, key, sum0);
                    sum = T.MultiplyAdd(gradient, q0, sum);
                    gradient = T.Create(gradients[j + keys]);
                    sum1 = T.MultiplyAdd(gradient, key, sum1);
                    sum = T.MultiplyAdd(gradient, q1, sum);
                    gradient = T.Create(gradients[j + (2 * keys)]);
                    sum2 = T.MultiplyAdd(gradient, key, sum2);
                    sum = T.MultiplyAdd(gradient, q2, sum);
                    gradient = T.Create(gradients[j + (3 * keys)]);
                    sum3 = T.MultiplyAdd(gradient, key, sum3);
                    T.MultiplyAdd(gradient, q3, sum).Store(dk + at);
                }
                sum0.Store(dq + d);
                sum1.Store(dq + width + d);
                sum2.Store(dq + (2 * width) + d);
                sum3.Store(dq + (3 * width) + d);

                T y0 = T.Load(dy + d), y1 = T.Load(dy + width + d), y2 = T.Load(dy + (2 * width) + d), y3 = T.Load(dy + (3 * width) + d);
                at = d;
                for (nint j = 0; j < count; j++, at += width)
                {
                    T sum = T.MultiplyAdd(T.Create(weights[j]), y0, T.Load(dv + at));
                    sum = T.MultiplyAdd(T.Create(weights[j + keys]), y1, sum);
                    sum = T.MultiplyAdd(T.Create(weights[j + (2 * keys)]), y2, sum);
                    T.MultiplyAdd(T.Create(weights[j + (3 * keys)]), y3, sum).Store(dv + at);
                }
            }
        }
    }
}
