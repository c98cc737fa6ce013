using Tcm.Kernels;
using Tcm.Kernels.Attention;

namespace Tcm.Tests.Kernels.Reference;

internal sealed partial class ReferenceAttention
{
    private protected override void BackwardCore(AttentionShape shape, Slice q, Slice k, Slice v, Slice dy, Slice dq, Slice dk,
        Slice dv)
    {
        for (int task = 0; task < shape.Batch * shape.Heads; task++)
        {
            HeadGradient(shape, task / shape.Heads, task % shape.Heads, q, k, v, dy, dq, dk, dv);
        }
    }

    private static void HeadGradient(AttentionShape shape, int batch, int head, Slice q, Slice k, Slice v, Slice dy, Slice dq,
        Slice dk, Slice dv)
    {
        int width = shape.HeadDim;
        double[,] keySums = new double[shape.Keys, width], valueSums = new double[shape.Keys, width];
        for (int i = 0; i < shape.Queries; i++)
        {
            int keys = shape.Causal ? i + 1 : shape.Keys;
            var query = Row(q, batch * shape.Queries + i, shape.QueryStride, head, width);
            var d = Row(dy, batch * shape.Queries + i, shape.Width, head, width);
            double[] weights = new double[keys], gradients = new double[keys], sums = new double[width];
            for (int j = 0; j < keys; j++)
            {
                weights[j] = shape.Scale * Dot(query, Row(k, batch * shape.Keys + j, shape.KeyStride, head, width));
                gradients[j] = Dot(d, Row(v, batch * shape.Keys + j, shape.ValueStride, head, width));
            }
            double max = weights.Max(), total = weights.Sum(w => Math.Exp(w - max)), product = 0;
            for (int j = 0; j < keys; j++)
            {
                weights[j] = Math.Exp(weights[j] - max) / total;
                product += weights[j] * gradients[j];
            }
            for (int j = 0; j < keys; j++)
            {
                var key = Row(k, batch * shape.Keys + j, shape.KeyStride, head, width);
                double score = weights[j] * (gradients[j] - product) * shape.Scale;
                for (int e = 0; e < width; e++)
                {
                    sums[e] += score * key[e];
                    keySums[j, e] += score * query[e];
                    valueSums[j, e] += weights[j] * d[e];
                }
            }
            for (int e = 0; e < width; e++)
            {
                Row(dq, batch * shape.Queries + i, shape.QueryStride, head, width)[e] = (float)sums[e];
            }
        }
        for (int j = 0; j < shape.Keys; j++)
        {
            for (int e = 0; e < width; e++)
            {
                Row(dk, batch * shape.Keys + j, shape.KeyStride, head, width)[e] = (float)keySums[j, e];
                Row(dv, batch * shape.Keys + j, shape.ValueStride, head, width)[e] = (float)valueSums[j, e];
            }
        }
    }

    private static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += (double)a[i] * b[i];
        }
        return sum;
    }
}
