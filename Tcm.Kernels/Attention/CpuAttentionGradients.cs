using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Attention;

/// <summary>
/// Gradients of attention on the CPU; a task is one head of one sequence. For each query: the softmax row again, then
/// dP = dy v^T, dS = P (dP - sum P dP), dq = scale dS k, dk += scale dS^T q, dv += P^T dy. Keys and values lie in scratch both
/// as rows (padded to whole vectors) and transposed, so that every loop runs over vectors of keys or of the head's width.
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
            float* k = Scratch.Get((3 * rows) + (2 * planes) + (2L * keys) + (3L * width));
            float* dk = k + rows, dv = dk + rows, kt = dv + rows, vt = kt + planes;
            float* weights = vt + planes, gradients = weights + keys, q = gradients + keys, dy = q + width, dq = dy + width;
            new Span<float>(k, checked((int)((3 * rows) + (2 * planes) + (2L * keys) + (3L * width)))).Clear();
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
            for (int i = 0; i < s.Queries; i++)
            {
                long row = ((long)batch * s.Queries) + i;
                int seen = s.Causal ? i + 1 : s.Keys;
                new ReadOnlySpan<float>(P.Q + (row * s.QueryStride) + part, s.HeadDim).CopyTo(new Span<float>(q, width));
                new ReadOnlySpan<float>(P.Dy + (row * s.Width) + part, s.HeadDim).CopyTo(new Span<float>(dy, width));
                Combine(kt, keys, q, s.HeadDim, s.Scale, weights, seen);
                Combine(vt, keys, dy, s.HeadDim, 1, gradients, seen);
                Softmax(weights, gradients, seen, s.Scale);
                new Span<float>(dq, width).Clear();
                Scatter(k, dk, dv, q, dy, dq, weights, gradients, seen, width);
                new ReadOnlySpan<float>(dq, s.HeadDim).CopyTo(new Span<float>(P.Dq + (row * s.QueryStride) + part, s.HeadDim));
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

        /// <summary>target[j] = scale * sum over d of x[d] * planes[d][j]</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Combine(float* planes, nint stride, float* x, int depth, float scale, float* target, int count)
        {
            T factor = T.Create(scale);
            for (nint j = 0; j < count; j += T.Count)
            {
                T sum = T.Create(0);
                float* column = planes + j;
                for (int d = 0; d < depth; d++, column += stride)
                {
                    sum = T.MultiplyAdd(T.Create(x[d]), T.Load(column), sum);
                }
                (sum * factor).Store(target + j);
            }
        }

        /// <summary>Scores to softmax weights, and the weights' gradients to those of the scores before their scale.</summary>
        private static void Softmax(float* weights, float* gradients, int count, float scale)
        {
            float most = float.NegativeInfinity;
            for (int j = 0; j < count; j++)
            {
                most = Math.Max(most, weights[j]);
            }
            double sum = 0, product = 0;
            for (int j = 0; j < count; j++)
            {
                weights[j] = MathF.Exp(weights[j] - most);
                sum += weights[j];
            }
            float share = (float)(1 / sum);
            for (int j = 0; j < count; j++)
            {
                weights[j] *= share;
                product += (double)weights[j] * gradients[j];
            }
            for (int j = 0; j < count; j++)
            {
                gradients[j] = weights[j] * (gradients[j] - (float)product) * scale;
            }
        }

        /// <summary>dq += dS k, dk += dS^T q, dv += P^T dy for one query.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Scatter(float* k, float* dk, float* dv, float* q, float* dy, float* dq, float* weights, float* gradients,
            int count, nint width)
        {
            for (nint d = 0; d < width; d += T.Count)
            {
                T query = T.Load(q + d), upper = T.Load(dy + d), sum = T.Create(0);
                nint at = d;
                for (int j = 0; j < count; j++, at += width)
                {
                    T gradient = T.Create(gradients[j]);
                    sum = T.MultiplyAdd(gradient, T.Load(k + at), sum);
                    T.MultiplyAdd(gradient, query, T.Load(dk + at)).Store(dk + at);
                    T.MultiplyAdd(T.Create(weights[j]), upper, T.Load(dv + at)).Store(dv + at);
                }
                sum.Store(dq + d);
            }
        }
    }
}
