namespace Tcm.Kernels.Normalization;

/// <summary>Folds an inference-mode batch normalisation into the convolution in front of it. Thread-safe.</summary>
public static class BatchNormFolding
{
    /// <summary>
    /// w'[k] = w[k] * s[k], b'[k] = beta[k] + (b[k] - mean[k]) * s[k], with s[k] = gamma[k] / sqrt(var[k] + eps).
    /// </summary>
    /// <param name="weight">Filters; overwritten.</param>
    /// <param name="bias">K values, overwritten; zeros when the convolution has no bias.</param>
    /// <param name="gamma">BatchNorm's weight.</param>
    /// <param name="beta">BatchNorm's bias.</param>
    /// <param name="mean">Running mean.</param>
    /// <param name="variance">Running variance.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="run">Consecutive weights of one output channel: C*R*S for Conv2d weights (K,C,R,S), R*S for
    /// ConvTranspose2d weights (C,K,R,S), where the channel is found as (i / run) mod K.</param>
    public static void Fold(Span<float> weight, Span<float> bias, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta,
        ReadOnlySpan<float> mean, ReadOnlySpan<float> variance, float eps, int run)
    {
        int k = bias.Length;
        Check.That(gamma.Length == k && beta.Length == k && mean.Length == k && variance.Length == k
            && weight.Length % ((long)run * k) == 0, $"BatchNorm: {gamma.Length} channels do not fit {k} filters of {run}");
        Span<float> scale = k <= 4096 ? stackalloc float[k] : new float[k];
        for (int i = 0; i < k; i++)
        {
            double s = gamma[i] / Math.Sqrt((double)variance[i] + eps);
            scale[i] = (float)s;
            bias[i] = (float)(beta[i] + ((double)bias[i] - mean[i]) * s);
        }
        for (int start = 0, channel = 0; start < weight.Length; start += run, channel = channel + 1 == k ? 0 : channel + 1)
        {
            foreach (ref float w in weight.Slice(start, run))
            {
                w *= scale[channel];
            }
        }
    }
}
