using Tcm.Kernels;
using Tcm.Kernels.Normalization;

namespace Tcm.Tests.Kernels.Reference;

internal sealed partial class ReferenceNormalization : RowNormalization
{
    private protected override void LayerNormCore(int rows, int columns, float eps, Slice x, Slice gamma, Slice beta, Slice y)
    {
        Span<float> scale = ReferenceBackend.Floats(gamma), shift = ReferenceBackend.Floats(beta);
        for (int row = 0; row < rows; row++)
        {
            Span<float> input = Row(x, row, columns), output = Row(y, row, columns);
            double mean = 0, variance = 0;
            foreach (float value in input)
            {
                mean += value;
            }
            mean /= columns;
            foreach (float value in input)
            {
                variance += (value - mean) * (value - mean);
            }
            variance /= columns;
            for (int i = 0; i < columns; i++)
            {
                output[i] = (float)((input[i] - mean) / Math.Sqrt(variance + eps) * scale[i] + shift[i]);
            }
        }
    }

    private protected override void L2NormalizeCore(int rows, int columns, float eps, Slice x, Slice y)
    {
        for (int row = 0; row < rows; row++)
        {
            Span<float> input = Row(x, row, columns), output = Row(y, row, columns);
            double squares = 0;
            foreach (float value in input)
            {
                squares += (double)value * value;
            }
            double norm = Math.Max(Math.Sqrt(squares), eps);
            for (int i = 0; i < columns; i++)
            {
                output[i] = (float)(input[i] / norm);
            }
        }
    }

    private protected override void SoftmaxCore(int rows, int columns, Slice x, Slice y)
    {
        for (int row = 0; row < rows; row++)
        {
            Span<float> input = Row(x, row, columns), output = Row(y, row, columns);
            double max = double.NegativeInfinity, total = 0;
            foreach (float value in input)
            {
                max = Math.Max(max, value);
            }
            foreach (float value in input)
            {
                total += Math.Exp(value - max);
            }
            for (int i = 0; i < columns; i++)
            {
                output[i] = (float)(Math.Exp(input[i] - max) / total);
            }
        }
    }

    private static Span<float> Row(Slice slice, int row, int columns) =>
        ReferenceBackend.Floats(slice).Slice(row * columns, columns);
}
