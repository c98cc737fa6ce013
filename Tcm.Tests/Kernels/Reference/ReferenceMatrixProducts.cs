using Tcm.Kernels;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Tests.Kernels.Reference;

internal sealed class ReferenceMatrixProducts : MatrixProducts
{
    private protected override PreparedMatrix PrepareCore(int n, int k, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias,
        Activation activation) => new Prepared(n, k, activation, weight.ToArray(), bias.ToArray());

    private protected override void LinearCore(PreparedMatrix matrix, int rows, Slice x, Slice y, Slice? residual)
    {
        var prepared = (Prepared)matrix;
        Parallel.For(0, rows, row =>
        {
            var input = ReferenceBackend.Floats(x).Slice(row * matrix.K, matrix.K);
            var output = ReferenceBackend.Floats(y).Slice(row * matrix.N, matrix.N);
            var skip = residual is { } r ? ReferenceBackend.Floats(r).Slice(row * matrix.N, matrix.N) : default;
            for (int n = 0; n < matrix.N; n++)
            {
                var weight = prepared.Weight.AsSpan(n * matrix.K, matrix.K);
                double sum = prepared.Bias.Length > 0 ? prepared.Bias[n] : 0;
                for (int k = 0; k < matrix.K; k++)
                {
                    sum += (double)input[k] * weight[k];
                }
                sum += skip.IsEmpty ? 0 : skip[n];
                output[n] = (float)ReferenceMath.Activate(matrix.Activation, sum);
            }
        });
    }

    private protected override void MultiplyCore(MatrixShape shape, Slice a, Slice b, Slice c, float alpha)
    {
        var (_, rows, columns, depth, transposeA, transposeB, strideA, strideB, strideC) = shape;
        Parallel.For(0, shape.Batch * rows, task =>
        {
            int batch = task / rows, m = task % rows;
            var left = ReferenceBackend.Floats(a)[(int)(batch * strideA)..];
            var right = ReferenceBackend.Floats(b)[(int)(batch * strideB)..];
            var result = ReferenceBackend.Floats(c)[(int)(batch * strideC)..];
            var sums = new double[columns];
            for (int k = 0; k < depth; k++)
            {
                double value = transposeA ? left[k * rows + m] : left[m * depth + k];
                for (int n = 0; n < columns; n++)
                {
                    sums[n] += value * (transposeB ? right[n * depth + k] : right[k * columns + n]);
                }
            }
            for (int n = 0; n < columns; n++)
            {
                result[m * columns + n] = (float)(alpha * sums[n]);
            }
        });
    }

    private sealed class Prepared(int n, int k, Activation activation, float[] weight, float[] bias)
        : PreparedMatrix(n, k, activation)
    {
        public float[] Weight { get; } = weight;

        public float[] Bias { get; } = bias;

        public override void Dispose() { }
    }
}
