using Tcm.Kernels;
using Tcm.Kernels.Optimizers;

namespace Tcm.Tests.Kernels.Reference;

internal sealed class ReferenceParameterUpdates : ParameterUpdates
{
    private protected override void SgdCore(float rate, float momentum, float decay, Slice p, Slice g, Slice v)
    {
        Span<float> value = ReferenceBackend.Floats(p), gradient = ReferenceBackend.Floats(g);
        Span<float> velocity = ReferenceBackend.Floats(v);
        for (int i = 0; i < value.Length; i++)
        {
            velocity[i] = (float)((double)momentum * velocity[i] + (gradient[i] + (double)decay * value[i]));
            value[i] = (float)(value[i] - (double)rate * velocity[i]);
        }
    }

    private protected override void AdamCore(AdamStep s, Slice p, Slice g, Slice m, Slice v)
    {
        Span<float> value = ReferenceBackend.Floats(p), gradient = ReferenceBackend.Floats(g);
        Span<float> first = ReferenceBackend.Floats(m), second = ReferenceBackend.Floats(v);
        for (int i = 0; i < value.Length; i++)
        {
            double old = value[i], slope = gradient[i] + (s.Decoupled ? 0 : s.Decay * old);
            double kept = s.Decoupled ? old * (1 - s.Rate * s.Decay) : old;
            double mean = s.Beta1 * first[i] + (1 - s.Beta1) * slope;
            double square = s.Beta2 * second[i] + (1 - s.Beta2) * slope * slope;
            (first[i], second[i]) = ((float)mean, (float)square);
            value[i] = (float)(kept - s.Rate * (mean / s.Correction1) / (Math.Sqrt(square / s.Correction2) + s.Eps));
        }
    }

    private protected override void RectifiedAdamCore(RectifiedAdamStep s, int rows, Slice p, Slice g, Slice m, Slice v)
    {
        Span<float> value = ReferenceBackend.Floats(p), gradient = ReferenceBackend.Floats(g);
        Span<float> first = ReferenceBackend.Floats(m), second = ReferenceBackend.Floats(v);
        for (int row = 0; row < rows; row++)
        {
            int columns = value.Length / rows;
            double mean = 0;
            for (int i = row * columns; i < (row + 1) * columns; i++)
            {
                mean += (double)gradient[i] / columns;
            }
            for (int i = row * columns; i < (row + 1) * columns; i++)
            {
                gradient[i] = (float)(gradient[i] - mean);
            }
        }
        for (int i = 0; i < value.Length; i++)
        {
            double slope = gradient[i], mean = s.Beta1 * first[i] + (1 - s.Beta1) * slope;
            double square = s.Beta2 * second[i] + (1 - s.Beta2) * slope * slope;
            double direction = (s.Rectified ? mean / (Math.Sqrt(square) + s.Eps) : mean) + s.Decay * value[i];
            first[i] = (float)(s.Rectified ? mean : direction);
            second[i] = (float)square;
            value[i] = (float)(value[i] - s.Rate * s.StepSize * direction);
        }
    }

    private protected override void LookaheadCore(float share, bool assign, Slice p, Slice slow)
    {
        Span<float> value = ReferenceBackend.Floats(p), average = ReferenceBackend.Floats(slow);
        for (int i = 0; i < value.Length; i++)
        {
            average[i] = (float)(average[i] + (double)share * ((double)value[i] - average[i]));
            value[i] = assign ? average[i] : value[i];
        }
    }

    private protected override void AddSquaresCore(Slice g, Slice sum)
    {
        double squares = 0;
        foreach (float value in ReferenceBackend.Floats(g))
        {
            squares += (double)value * value;
        }
        ReferenceBackend.Floats(sum)[0] += (float)squares;
    }
}
