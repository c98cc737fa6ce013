using Tcm.Kernels;
using Tcm.Kernels.Losses;

namespace Tcm.Tests.Kernels.Reference;

internal sealed partial class ReferencePixelLosses : PixelLosses
{
    private protected override void BalancedCrossEntropyCore(bool logits, NegativeQuota quota, float weight, int images,
        Slice prediction, Slice target, Slice mask, Slice loss, Slice gradient)
    {
        Span<float> x = ReferenceBackend.Floats(prediction), t = ReferenceBackend.Floats(target);
        Span<float> m = ReferenceBackend.Floats(mask), g = ReferenceBackend.Floats(gradient);
        int plane = x.Length / images;
        // Index of the value and its difficulty, in single precision because that decides which values are equal.
        var positives = new List<int>();
        var negatives = new List<(float Difficulty, int Index)>();
        for (int i = 0; i < images; i++)
        {
            for (int j = 0; j < images; j++)
            {
                for (int k = 0; k < plane; k++)
                {
                    int at = i * plane + k, by = j * plane + k;
                    float easy = logits ? -x[at] : 1 - x[at];
                    if (m[by] > 0 && t[by] > 0)
                    {
                        positives.Add(at);
                    }
                    else if (m[by] > 0)
                    {
                        float difficulty = t[at] > 0 ? easy : x[at];
                        negatives.Add((float.IsNaN(difficulty) ? float.PositiveInfinity : difficulty, at));
                    }
                }
            }
        }
        int positiveCount = positives.Count / images;
        int wanted = (int)Math.Min(negatives.Count / images,
            positiveCount > 0 ? Math.Floor((double)quota.Ratio * positiveCount) : quota.WithoutPositives);
        // LINQ's sort is stable: of equals the first ones stay.
        var counted = positives.Concat(negatives.OrderByDescending(n => n.Difficulty).Take(wanted).Select(n => n.Index));
        double sum = 0, count = positiveCount + wanted + 1e-6;
        var slopes = new double[x.Length];
        foreach (int i in counted)
        {
            sum += logits ? LogitLoss(x[i], t[i] > 0) : Math.Min(100, -Math.Log(t[i] > 0 ? x[i] : 1.0 - x[i]));
            slopes[i] += logits ? ReferenceMath.Sigmoid(x[i]) - (t[i] > 0 ? 1 : 0)
                : (x[i] - (t[i] > 0 ? 1.0 : 0)) / Math.Max(x[i] * (1.0 - x[i]), 1e-12);
        }
        ReferenceBackend.Floats(loss)[0] = (float)(weight * sum / count);
        for (int i = 0; i < g.Length; i++)
        {
            g[i] = (float)(weight / count * slopes[i]);
        }
    }

    private protected override void DiceCore(float weight, Slice prediction, Slice target, Slice mask, Slice loss, Slice gradient)
    {
        Span<float> p = ReferenceBackend.Floats(prediction), t = ReferenceBackend.Floats(target);
        Span<float> m = ReferenceBackend.Floats(mask), g = ReferenceBackend.Floats(gradient);
        double overlap = 0, union = 1e-6;
        for (int i = 0; i < p.Length; i++)
        {
            double positive = t[i] > 0 ? 1 : 0;
            overlap += (double)p[i] * positive * m[i];
            union += (double)p[i] * m[i] + positive * m[i];
        }
        ReferenceBackend.Floats(loss)[0] = (float)(weight * (1 - 2 * overlap / union));
        for (int i = 0; i < p.Length; i++)
        {
            g[i] = (float)(2 * weight * m[i] * (overlap / union - (t[i] > 0 ? 1 : 0)) / union);
        }
    }

    private protected override void MaskedL1Core(float weight, Slice prediction, Slice target, Slice mask, Slice loss,
        Slice gradient)
    {
        Span<float> p = ReferenceBackend.Floats(prediction), t = ReferenceBackend.Floats(target);
        Span<float> m = ReferenceBackend.Floats(mask), g = ReferenceBackend.Floats(gradient);
        double sum = 0, count = 1e-6;
        for (int i = 0; i < p.Length; i++)
        {
            sum += Math.Abs((double)p[i] - t[i]) * m[i];
            count += m[i];
        }
        ReferenceBackend.Floats(loss)[0] = (float)(weight * sum / count);
        for (int i = 0; i < p.Length; i++)
        {
            g[i] = (float)(weight * Math.Sign(p[i] - t[i]) * m[i] / count);
        }
    }

    private protected override void WeightedCrossEntropyCore(float weight, Slice logits, Slice target, Slice mask, Slice loss,
        Slice gradient) => Sum(weight, logits, target, mask, loss, gradient, (z, t) =>
            (LogitLoss(z, t > 0), ReferenceMath.Sigmoid(z) - (t > 0 ? 1 : 0)));

    private protected override void WeightedSmoothL1Core(float weight, Slice prediction, Slice target, Slice mask, Slice loss,
        Slice gradient) => Sum(weight, prediction, target, mask, loss, gradient, (p, t) =>
            (Math.Abs(p - t) < 1 ? Math.Pow(p - t, 2) / 2 : Math.Abs(p - t) - 0.5, Math.Clamp(p - t, -1, 1)));

    private static void Sum(float weight, Slice prediction, Slice target, Slice mask, Slice loss, Slice gradient,
        Func<double, double, (double Value, double Slope)> at)
    {
        Span<float> p = ReferenceBackend.Floats(prediction), t = ReferenceBackend.Floats(target);
        Span<float> m = ReferenceBackend.Floats(mask), g = ReferenceBackend.Floats(gradient);
        double sum = 0;
        for (int i = 0; i < p.Length; i++)
        {
            var (value, slope) = at(p[i], t[i]);
            sum += value * m[i];
            g[i] = (float)(weight * m[i] * slope);
        }
        ReferenceBackend.Floats(loss)[0] = (float)(weight * sum);
    }

    private static double LogitLoss(double x, bool positive)
    {
        double z = positive ? -x : x, e = Math.Exp(-Math.Abs(z));
        return Math.Max(z, 0) + (e < 1e-8 ? e : Math.Log(1 + e));
    }
}
