using Tcm.Kernels;
using Tcm.Kernels.Normalization;

namespace Tcm.Tests.Kernels.Reference;

internal sealed class ReferenceBatchNormalization : BatchNormalization
{
    private protected override void ForwardCore(BatchNormShape shape, Activation activation, Slice x, Slice gamma, Slice beta,
        Slice? residual, Slice runningMean, Slice runningVar, Slice y, Slice mean, Slice invStd)
    {
        for (int c = 0; c < shape.C; c++)
        {
            double count = (double)shape.N * shape.Pixels, average = 0, variance = 0;
            ref float runningAverage = ref ReferenceBackend.Floats(runningMean)[c], running = ref ReferenceBackend.Floats(runningVar)[c];
            foreach (int i in Channel(shape, c))
            {
                average += ReferenceBackend.Floats(x)[i] / count;
            }
            foreach (int i in Channel(shape, c))
            {
                double d = ReferenceBackend.Floats(x)[i] - average;
                variance += d * d / count;
            }
            if (shape.Training)
            {
                runningAverage = (float)(runningAverage + shape.Momentum * (average - runningAverage));
                running = (float)(running + shape.Momentum * (variance * count / (count - 1) - running));
            }
            else
            {
                (average, variance) = (runningAverage, running);
            }
            double scale = 1 / Math.Sqrt(variance + shape.Eps);
            ReferenceBackend.Floats(mean)[c] = (float)average;
            ReferenceBackend.Floats(invStd)[c] = (float)scale;
            foreach (int i in Channel(shape, c))
            {
                double value = (ReferenceBackend.Floats(x)[i] - average) * scale * ReferenceBackend.Floats(gamma)[c]
                    + ReferenceBackend.Floats(beta)[c] + (residual is { } r ? ReferenceBackend.Floats(r)[i] : 0);
                ReferenceBackend.Floats(y)[i] = (float)ReferenceMath.Activate(activation, value);
            }
        }
    }

    private protected override void BackwardCore(BatchNormShape shape, Activation activation, Slice x, Slice y, Slice gamma,
        Slice mean, Slice invStd, Slice dy, Slice dx, Slice dgamma, Slice dbeta)
    {
        for (int c = 0; c < shape.C; c++)
        {
            double average = ReferenceBackend.Floats(mean)[c], scale = ReferenceBackend.Floats(invStd)[c];
            double count = (double)shape.N * shape.Pixels, sum = 0, product = 0;
            foreach (int i in Channel(shape, c))
            {
                ref float d = ref ReferenceBackend.Floats(dy)[i];
                d = activation == Activation.Relu && !(ReferenceBackend.Floats(y)[i] > 0) ? 0 : d;
                sum += d;
                product += d * (ReferenceBackend.Floats(x)[i] - average) * scale;
            }
            ReferenceBackend.Floats(dgamma)[c] = (float)product;
            ReferenceBackend.Floats(dbeta)[c] = (float)sum;
            foreach (int i in Channel(shape, c))
            {
                double normal = (ReferenceBackend.Floats(x)[i] - average) * scale, d = ReferenceBackend.Floats(dy)[i];
                // The statistics of a batch depend on x; running ones do not.
                double rest = shape.Training ? d - sum / count - normal * product / count : d;
                ReferenceBackend.Floats(dx)[i] = (float)(ReferenceBackend.Floats(gamma)[c] * scale * rest);
            }
        }
    }

    private static IEnumerable<int> Channel(BatchNormShape shape, int c) => Enumerable.Range(0, shape.N * shape.Pixels)
        .Select(i => ((i / shape.Pixels * shape.C) + c) * shape.Pixels + i % shape.Pixels);
}
