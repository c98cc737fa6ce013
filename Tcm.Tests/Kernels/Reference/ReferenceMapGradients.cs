using Tcm.Kernels;
using Tcm.Kernels.Resampling;

namespace Tcm.Tests.Kernels.Reference;

internal sealed partial class ReferenceElementwise
{
    private protected override void ActivateBackwardCore(Activation activation, Slice x, Slice y, Slice dy, Slice dx)
    {
        Span<float> input = ReferenceBackend.Floats(x), d = ReferenceBackend.Floats(dy), output = ReferenceBackend.Floats(dx);
        for (int i = 0; i < input.Length; i++)
        {
            output[i] = (float)(d[i] * Derivative(activation, input[i]));
        }
    }

    private static double Derivative(Activation activation, double x)
    {
        double s = ReferenceMath.Sigmoid(activation == Activation.QuickGelu ? 1.702 * x : x);
        return activation switch
        {
            Activation.None => 1,
            Activation.Relu => x > 0 ? 1 : 0,
            Activation.QuickGelu => s + 1.702 * x * s * (1 - s),
            Activation.Gelu => (1 + ReferenceMath.Erf(x / Math.Sqrt(2))) / 2 + x * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI),
            _ => s * (1 - s),
        };
    }
}

internal sealed partial class ReferencePooling
{
    private protected override void BackwardCore(int planes, int h, int w, int kernel, Slice dy, Slice dx)
    {
        Span<float> d = ReferenceBackend.Floats(dy), output = ReferenceBackend.Floats(dx);
        int rows = h / kernel, columns = w / kernel;
        for (int i = 0; i < output.Length; i++)
        {
            int plane = i / (h * w), row = i / w % h / kernel, column = i % w / kernel;
            output[i] = row < rows && column < columns ? d[(plane * rows + row) * columns + column] / (kernel * kernel) : 0;
        }
    }
}

internal sealed partial class ReferenceResampler
{
    private protected override void ResizeBackwardCore(ResizeMode mode, ResizeShape shape, Slice dy, Slice dx)
    {
        Span<float> d = ReferenceBackend.Floats(dy), output = ReferenceBackend.Floats(dx);
        var sums = new double[output.Length];
        for (int plane = 0; plane < shape.N * shape.C; plane++)
        {
            int start = (int)(plane / shape.C * shape.OutputStride) + plane % shape.C * shape.OutH * shape.OutW;
            int source = plane * shape.InH * shape.InW;
            for (int i = 0; i < shape.OutH; i++)
            {
                for (int j = 0; j < shape.OutW; j++)
                {
                    double value = d[start + i * shape.OutW + j];
                    if (mode == ResizeMode.Nearest)
                    {
                        sums[source + Nearest(i, shape.InH, shape.OutH) * shape.InW + Nearest(j, shape.InW, shape.OutW)] += value;
                        continue;
                    }
                    var (top, bottom, v) = Neighbours(i, shape.InH, shape.OutH);
                    var (left, right, u) = Neighbours(j, shape.InW, shape.OutW);
                    sums[source + top * shape.InW + left] += value * (1 - v) * (1 - u);
                    sums[source + top * shape.InW + right] += value * (1 - v) * u;
                    sums[source + bottom * shape.InW + left] += value * v * (1 - u);
                    sums[source + bottom * shape.InW + right] += value * v * u;
                }
            }
        }
        for (int i = 0; i < sums.Length; i++)
        {
            output[i] = (float)sums[i];
        }
    }
}

internal sealed partial class ReferenceDataMovement
{
    private protected override void ScatterAddRowsCore(int rows, int width, Slice dy, ReadOnlySpan<int> ids, Slice dtable)
    {
        var sums = new double[rows * width];
        for (int i = 0; i < ids.Length * width; i++)
        {
            sums[ids[i / width] * width + i % width] += ReferenceBackend.Floats(dy)[i];
        }
        for (int i = 0; i < sums.Length; i++)
        {
            ReferenceBackend.Floats(dtable)[i] = (float)sums[i];
        }
    }
}
