using System.Numerics;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Attention;

/// <summary>
/// Gradients of attention on the CPU; a task is one head of one sequence. For each query: the softmax row again, then
/// dP = dy v^T, dS = P (dP - sum P dP), dq = scale dS k, dk += scale dS^T q, dv += P^T dy.
/// </summary>
internal sealed unsafe partial class CpuAttention
{
    private protected override void BackwardCore(AttentionShape shape, Slice q, Slice k, Slice v, Slice dy, Slice dq, Slice dk,
        Slice dv)
    {
        var job = new GradientJob
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
        backend.Team.Run(shape.Batch * shape.Heads, ref job);
    }

    private struct GradientJob : IJob
    {
        public AttentionShape Shape;
        public float* Q, K, V, Dy, Dq, Dk, Dv;

        public readonly void Run(int task)
        {
            var s = Shape;
            int head = task % s.Heads, batch = task / s.Heads, width = s.HeadDim;
            long queries = (long)batch * s.Queries, keys = (long)batch * s.Keys, part = (long)head * width;
            float* weights = Scratch.Get(2L * s.Keys);
            float* gradients = weights + s.Keys;
            for (int j = 0; j < s.Keys; j++)
            {
                new Span<float>(Dk + ((keys + j) * s.KeyStride) + part, width).Clear();
                new Span<float>(Dv + ((keys + j) * s.ValueStride) + part, width).Clear();
            }
            for (int i = 0; i < s.Queries; i++)
            {
                int seen = s.Causal ? i + 1 : s.Keys;
                ReadOnlySpan<float> q = new(Q + ((queries + i) * s.QueryStride) + part, width);
                ReadOnlySpan<float> dy = new(Dy + ((queries + i) * s.Width) + part, width);
                var dq = new Span<float>(Dq + ((queries + i) * s.QueryStride) + part, width);
                Weights(q, keys, part, seen, weights);
                double sum = 0;
                for (int j = 0; j < seen; j++)
                {
                    gradients[j] = Dot(dy, new(V + ((keys + j) * s.ValueStride) + part, width));
                    sum += (double)weights[j] * gradients[j];
                    AddScaled(new(Dv + ((keys + j) * s.ValueStride) + part, width), dy, weights[j]);
                }
                dq.Clear();
                for (int j = 0; j < seen; j++)
                {
                    float d = weights[j] * (gradients[j] - (float)sum) * s.Scale;
                    AddScaled(dq, new(K + ((keys + j) * s.KeyStride) + part, width), d);
                    AddScaled(new(Dk + ((keys + j) * s.KeyStride) + part, width), q, d);
                }
            }
        }

        /// <summary>The softmax of one query over the keys that it sees.</summary>
        private readonly void Weights(ReadOnlySpan<float> q, long keys, long part, int seen, float* weights)
        {
            float most = float.NegativeInfinity;
            for (int j = 0; j < seen; j++)
            {
                weights[j] = Dot(q, new(K + ((keys + j) * Shape.KeyStride) + part, Shape.HeadDim)) * Shape.Scale;
                most = Math.Max(most, weights[j]);
            }
            double sum = 0;
            for (int j = 0; j < seen; j++)
            {
                weights[j] = MathF.Exp(weights[j] - most);
                sum += weights[j];
            }
            float scale = (float)(1 / sum);
            for (int j = 0; j < seen; j++)
            {
                weights[j] *= scale;
            }
        }

        private static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
        {
            var sum = Vector<float>.Zero;
            int i = 0;
            for (; i <= a.Length - Vector<float>.Count; i += Vector<float>.Count)
            {
                sum += new Vector<float>(a[i..]) * new Vector<float>(b[i..]);
            }
            float total = Vector.Sum(sum);
            for (; i < a.Length; i++)
            {
                total += a[i] * b[i];
            }
            return total;
        }

        /// <summary>a += scale * b</summary>
        private static void AddScaled(Span<float> a, ReadOnlySpan<float> b, float scale)
        {
            int i = 0;
            for (; i <= a.Length - Vector<float>.Count; i += Vector<float>.Count)
            {
                (new Vector<float>(a[i..]) + (scale * new Vector<float>(b[i..]))).CopyTo(a[i..]);
            }
            for (; i < a.Length; i++)
            {
                a[i] += scale * b[i];
            }
        }
    }
}
