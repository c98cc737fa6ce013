using Tcm.Kernels;

namespace Tcm.Tests.Kernels.Reference;

/// <summary>Gradients of the row normalisations, from their derivatives written out.</summary>
internal sealed partial class ReferenceNormalization
{
    private protected override void LayerNormBackwardCore(int rows, int columns, float eps, Slice x, Slice gamma, Slice dy,
        Slice dx, Slice dgamma, Slice dbeta)
    {
        var scale = ReferenceBackend.Floats(gamma);
        double[] scaleSums = new double[columns], shiftSums = new double[columns];
        for (int row = 0; row < rows; row++)
        {
            Span<float> input = Row(x, row, columns), d = Row(dy, row, columns), output = Row(dx, row, columns);
            double mean = 0, variance = 0;
            foreach (float value in input)
            {
                mean += value / (double)columns;
            }
            foreach (float value in input)
            {
                variance += (value - mean) * (value - mean) / columns;
            }
            double std = Math.Sqrt(variance + eps), sum = 0, product = 0;
            for (int i = 0; i < columns; i++)
            {
                double normal = (input[i] - mean) / std, g = (double)d[i] * scale[i];
                sum += g / columns;
                product += g * normal / columns;
                scaleSums[i] += d[i] * normal;
                shiftSums[i] += d[i];
            }
            for (int i = 0; i < columns; i++)
            {
                output[i] = (float)(((double)d[i] * scale[i] - sum - (input[i] - mean) / std * product) / std);
            }
        }
        for (int i = 0; i < columns; i++)
        {
            ReferenceBackend.Floats(dgamma)[i] = (float)scaleSums[i];
            ReferenceBackend.Floats(dbeta)[i] = (float)shiftSums[i];
        }
    }

    private protected override void L2NormalizeBackwardCore(int rows, int columns, float eps, Slice x, Slice dy, Slice dx)
    {
        for (int row = 0; row < rows; row++)
        {
            Span<float> input = Row(x, row, columns), d = Row(dy, row, columns), output = Row(dx, row, columns);
            double squares = 0, product = 0;
            for (int i = 0; i < columns; i++)
            {
                squares += (double)input[i] * input[i];
                product += (double)input[i] * d[i];
            }
            double norm = Math.Sqrt(squares);
            for (int i = 0; i < columns; i++)
            {
                output[i] = (float)(norm < eps ? d[i] / (double)eps : (d[i] - input[i] * product / squares) / norm);
            }
        }
    }

    private protected override void SoftmaxBackwardCore(int rows, int columns, Slice y, Slice dy, Slice dx)
    {
        for (int row = 0; row < rows; row++)
        {
            Span<float> result = Row(y, row, columns), d = Row(dy, row, columns), output = Row(dx, row, columns);
            double product = 0;
            for (int i = 0; i < columns; i++)
            {
                product += (double)result[i] * d[i];
            }
            for (int i = 0; i < columns; i++)
            {
                output[i] = (float)(result[i] * (d[i] - product));
            }
        }
    }
}
