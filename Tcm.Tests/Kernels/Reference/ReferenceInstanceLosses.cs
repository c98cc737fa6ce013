using Tcm.Kernels;
using Tcm.Kernels.Losses;

namespace Tcm.Tests.Kernels.Reference;

internal sealed partial class ReferencePixelLosses
{
    private protected override void SquaredDiceCore(int images, float weight, Slice logits, Slice target, Slice mask, Slice loss,
        Slice gradient)
    {
        float[] z = ReferenceBackend.Floats(logits).ToArray(), t = ReferenceBackend.Floats(target).ToArray();
        float[] m = ReferenceBackend.Floats(mask).ToArray();
        var g = ReferenceBackend.Floats(gradient);
        int pixels = z.Length / images;
        double total = 0;
        for (int image = 0; image < images; image++)
        {
            int[] counted = [.. Enumerable.Range(image * pixels, pixels).Where(i => m[i] > 0)];
            double overlap = counted.Where(i => t[i] > 0).Sum(i => ReferenceMath.Sigmoid(z[i])) + 0.001;
            double union = counted.Sum(i => Math.Pow(ReferenceMath.Sigmoid(z[i]), 2)) + counted.Count(i => t[i] > 0) + 0.002;
            total += 1 - 2 * overlap / union;
            g.Slice(image * pixels, pixels).Clear();
            foreach (int i in counted)
            {
                double p = ReferenceMath.Sigmoid(z[i]);
                double slope = -2 * (t[i] > 0 ? 1 : 0) / union + 2 * overlap * 2 * p / (union * union);
                g[i] = (float)(weight / images * slope * p * (1 - p));
            }
        }
        ReferenceBackend.Floats(loss)[0] = (float)(weight * total / images);
    }

    private protected override void InstanceCore(bool attraction, InstanceMaps shape, float weight, Slice embeddings, Slice regions,
        Slice kernels, Slice loss, Slice gradient)
    {
        float[] e = ReferenceBackend.Floats(embeddings).ToArray();
        float[] region = ReferenceBackend.Floats(regions).ToArray(), kernel = ReferenceBackend.Floats(kernels).ToArray();
        var slopes = new double[e.Length];
        int pixels = shape.Pixels, channels = InstanceMaps.Channels;
        double total = 0;
        for (int image = 0; image < shape.Images; image++)
        {
            int Value(int pixel, int channel) => (((image * channels) + channel) * pixels) + pixel;
            int[] Where(float[] map, int label) => [.. Enumerable.Range(0, pixels).Where(i => map[(image * pixels) + i] == label)];

            var instances = Enumerable.Range(1, shape.Instances).Select(k => (Region: Where(region, k), Kernel: Where(kernel, k)))
                .Where(k => k.Region.Length > 0 && k.Kernel.Length > 0).ToArray();
            var means = instances.Select(k => Enumerable.Range(0, channels)
                .Select(c => k.Kernel.Average(i => (double)e[Value(i, c)])).ToArray()).ToArray();

            // d distance / d mean is spread over the kernel's pixels.
            void Spread(int instance, int channel, double slope)
            {
                foreach (int i in instances[instance].Kernel)
                {
                    slopes[Value(i, channel)] += slope / instances[instance].Kernel.Length;
                }
            }

            double scale = (double)weight / shape.Images;
            for (int k = 0; k < instances.Length; k++)
            {
                if (attraction)
                {
                    foreach (int i in instances[k].Region)
                    {
                        double[] away = [.. Enumerable.Range(0, channels).Select(c => e[Value(i, c)] - means[k][c])];
                        double d = Math.Sqrt(away.Sum(a => a * a)), excess = Math.Max(0, d - 0.5);
                        double share = scale / instances.Length / instances[k].Region.Length;
                        total += share * Math.Log(1 + excess * excess);
                        for (int c = 0; c < channels && excess > 0; c++)
                        {
                            double slope = share * 2 * excess / (1 + excess * excess) * away[c] / d;
                            slopes[Value(i, c)] += slope;
                            Spread(k, c, -slope);
                        }
                    }
                    continue;
                }
                for (int other = 0; other < k; other++)
                {
                    double[] away = [.. means[k].Zip(means[other], (a, b) => a - b)];
                    double d = Math.Sqrt(away.Sum(a => a * a)), lack = Math.Max(0, 3 - d);
                    double share = scale / instances.Length / (instances.Length - 1);
                    total += share * Math.Log(1 + lack * lack);
                    for (int c = 0; c < channels && d > 0; c++)
                    {
                        double slope = -share * 2 * lack / (1 + lack * lack) * away[c] / d;
                        Spread(k, c, slope);
                        Spread(other, c, -slope);
                    }
                }
            }
        }
        ReferenceBackend.Floats(loss)[0] = (float)total;
        var g = ReferenceBackend.Floats(gradient);
        for (int i = 0; i < g.Length; i++)
        {
            g[i] = (float)slopes[i];
        }
    }
}
