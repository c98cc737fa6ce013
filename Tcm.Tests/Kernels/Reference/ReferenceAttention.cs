using Tcm.Kernels;
using Tcm.Kernels.Attention;

namespace Tcm.Tests.Kernels.Reference;

internal sealed partial class ReferenceAttention : MultiHeadAttention
{
    private protected override void ForwardCore(AttentionShape shape, Slice q, Slice k, Slice v, Slice y) =>
        Parallel.For(0, shape.Batch * shape.Heads, task => Head(shape, task / shape.Heads, task % shape.Heads, q, k, v, y));

    private static void Head(AttentionShape shape, int batch, int head, Slice q, Slice k, Slice v, Slice y)
    {
        int width = shape.HeadDim;
        var weights = new double[shape.Keys];
        var sums = new double[width];
        for (int i = 0; i < shape.Queries; i++)
        {
            int keys = shape.Causal ? i + 1 : shape.Keys;
            var query = Row(q, batch * shape.Queries + i, shape.QueryStride, head, width);
            double max = double.NegativeInfinity;
            for (int j = 0; j < keys; j++)
            {
                var key = Row(k, batch * shape.Keys + j, shape.KeyStride, head, width);
                double dot = 0;
                for (int d = 0; d < width; d++)
                {
                    dot += (double)query[d] * key[d];
                }
                weights[j] = shape.Scale * dot;
                max = Math.Max(max, weights[j]);
            }
            double total = 0;
            Array.Clear(sums);
            for (int j = 0; j < keys; j++)
            {
                double weight = Math.Exp(weights[j] - max);
                total += weight;
                var value = Row(v, batch * shape.Keys + j, shape.ValueStride, head, width);
                for (int d = 0; d < width; d++)
                {
                    sums[d] += weight * value[d];
                }
            }
            var output = Row(y, batch * shape.Queries + i, shape.Width, head, width);
            for (int d = 0; d < width; d++)
            {
                output[d] = (float)(sums[d] / total);
            }
        }
    }

    private static Span<float> Row(Slice slice, int row, int stride, int head, int width) =>
        ReferenceBackend.Floats(slice).Slice(row * stride + head * width, width);
}
