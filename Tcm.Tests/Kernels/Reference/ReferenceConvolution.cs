using Tcm.Kernels;
using Tcm.Kernels.Convolution;

namespace Tcm.Tests.Kernels.Reference;

internal sealed partial class ReferenceConvolution : Convolution2d
{
    private protected override PreparedConvolution PrepareCore(Conv2dFilter filter, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, Activation activation) =>
        new Prepared(filter, false, activation, weight.ToArray(), bias.ToArray());

    private protected override PreparedConvolution PrepareTransposedCore(int c, int k, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, Activation activation) =>
        new Prepared(new Conv2dFilter(c, k, 2, 2, 2), true, activation, weight.ToArray(), bias.ToArray());

    private protected override void RunCore(PreparedConvolution convolution, ImageBatch input, Slice x, Slice y,
        Slice? residual, long yImageStride)
    {
        var prepared = (Prepared)convolution;
        var (rows, columns) = convolution.OutputSize(input.H, input.W);
        int filters = convolution.Filter.K;
        // One task computes one output plane (n,k).
        Parallel.For(0, input.N * filters, plane =>
        {
            int n = plane / filters, k = plane % filters;
            var sums = new double[rows * columns];
            if (prepared.Bias.Length > 0)
            {
                Array.Fill(sums, prepared.Bias[k]);
            }
            int image = convolution.Filter.C * input.H * input.W;
            var source = ReferenceBackend.Floats(x).Slice(n * image, image);
            if (convolution.Transposed)
            {
                AddTransposedPlane(prepared, input, source, k, sums);
            }
            else
            {
                AddPlane(prepared, input, source, k, sums, rows, columns);
            }
            var target = ReferenceBackend.Floats(y).Slice((int)(n * yImageStride) + k * sums.Length, sums.Length);
            var skip = residual is { } r ? ReferenceBackend.Floats(r).Slice(plane * sums.Length, sums.Length) : default;
            for (int i = 0; i < sums.Length; i++)
            {
                double value = skip.IsEmpty ? sums[i] : sums[i] + skip[i];
                target[i] = (float)ReferenceMath.Activate(convolution.Activation, value);
            }
        });
    }

    /// <summary>sums[p,q] += sum over c,r,s of x[c, p*stride-pad+r, q*stride-pad+s] * w[k,c,r,s]</summary>
    private static void AddPlane(Prepared prepared, ImageBatch input, ReadOnlySpan<float> x, int k, double[] sums, int rows,
        int columns)
    {
        var f = prepared.Filter;
        int groupC = f.C / f.Groups;
        int firstC = k / (f.K / f.Groups) * groupC;
        for (int c = 0; c < groupC; c++)
        {
            for (int r = 0; r < f.R; r++)
            {
                for (int s = 0; s < f.S; s++)
                {
                    double w = prepared.Weight[((k * groupC + c) * f.R + r) * f.S + s];
                    // Columns whose source q*stride - pad + s lies in [0, W).
                    int shift = s - f.Padding;
                    int from = shift >= 0 ? 0 : (-shift + f.Stride - 1) / f.Stride;
                    int to = Math.Min(columns, input.W - 1 - shift < 0 ? 0 : (input.W - 1 - shift) / f.Stride + 1);
                    for (int p = 0; p < rows; p++)
                    {
                        int h = p * f.Stride - f.Padding + r;
                        if (h < 0 || h >= input.H)
                        {
                            continue;
                        }
                        var row = x.Slice(((firstC + c) * input.H + h) * input.W, input.W);
                        for (int q = from; q < to; q++)
                        {
                            sums[p * columns + q] += w * row[q * f.Stride + shift];
                        }
                    }
                }
            }
        }
    }

    /// <summary>sums[2h+a, 2w+b] += sum over c of x[c,h,w] * w[c,k,a,b]</summary>
    private static void AddTransposedPlane(Prepared prepared, ImageBatch input, ReadOnlySpan<float> x, int k, double[] sums)
    {
        var f = prepared.Filter;
        for (int c = 0; c < f.C; c++)
        {
            for (int tap = 0; tap < 4; tap++)
            {
                double weight = prepared.Weight[(c * f.K + k) * 4 + tap];
                for (int h = 0; h < input.H; h++)
                {
                    for (int w = 0; w < input.W; w++)
                    {
                        sums[(2 * h + tap / 2) * 2 * input.W + 2 * w + tap % 2] +=
                            weight * x[(c * input.H + h) * input.W + w];
                    }
                }
            }
        }
    }

    private sealed class Prepared(Conv2dFilter filter, bool transposed, Activation activation, float[] weight, float[] bias)
        : PreparedConvolution(filter, transposed, activation)
    {
        public float[] Weight { get; } = weight;

        public float[] Bias { get; } = bias;

        public override string Algorithm => "direct loops";

        public override long PackedBytes => sizeof(float) * (long)Weight.Length;

        public override void Dispose() { }
    }
}
