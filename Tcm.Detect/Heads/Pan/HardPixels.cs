using Tcm.Nn;

namespace Tcm.Detect.Heads.Pan;

/// <summary>
/// Online hard example mining of PAN (heads.md section 3.5): of each picture all pixels of text and three times as many of the
/// others count, those that look most like text. Selected on the host, whatever the device, since it is no part of the gradient.
/// </summary>
internal static class HardPixels
{
    private const int NegativesPerPositive = 3;

    /// <summary>A mask (B,1,h,w) of the pixels that count.</summary>
    /// <param name="logits">(B,1,h,w)</param>
    /// <param name="target">Likewise, text above 0.</param>
    /// <param name="mask">Likewise, 0 inside ignored texts. Their pixels do not count, but take part in the ranking.</param>
    public static Tensor Mask(Tensor logits, Tensor target, Tensor mask)
    {
        int images = logits.Shape[0], pixels = (int)logits.Length / images;
        float[] z = logits.ToArray(), t = target.ToArray(), m = mask.ToArray(), result = new float[z.Length];
        Parallel.For(0, images, i => Select(z.AsSpan(i * pixels, pixels), t.AsSpan(i * pixels, pixels), m.AsSpan(i * pixels, pixels),
            result.AsSpan(i * pixels, pixels)));
        return Tensor.From(logits.Backend, result, logits.Shape);
    }

    private static void Select(ReadOnlySpan<float> logits, ReadOnlySpan<float> target, ReadOnlySpan<float> mask, Span<float> selected)
    {
        int positives = 0, negatives = 0;
        var others = new float[logits.Length];
        for (int i = 0; i < logits.Length; i++)
        {
            if (target[i] > 0)
            {
                positives += mask[i] > 0 ? 1 : 0;
            }
            else
            {
                others[negatives++] = logits[i];
            }
        }
        int wanted = Math.Min(NegativesPerPositive * positives, negatives);
        if (wanted == 0)
        {
            mask.CopyTo(selected);
            return;
        }
        float least = Largest(others.AsSpan(0, negatives), wanted);
        for (int i = 0; i < logits.Length; i++)
        {
            selected[i] = mask[i] > 0 && (target[i] > 0 || logits[i] >= least) ? 1 : 0;
        }
    }

    /// <summary>The n-th largest value, by selection; reorders the values.</summary>
    internal static float Largest(Span<float> values, int n)
    {
        while (true)
        {
            // Three parts around the median of three: larger, equal, smaller.
            float a = values[0], b = values[values.Length / 2], c = values[^1];
            float pivot = Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
            int larger = 0, end = values.Length;
            for (int i = 0; i < end;)
            {
                float value = values[i];
                if (value > pivot)
                {
                    (values[i++], values[larger]) = (values[larger++], value);
                }
                else if (value == pivot)
                {
                    i++;
                }
                else
                {
                    (values[i], values[--end]) = (values[end], value);
                }
            }
            if (n <= larger)
            {
                values = values[..larger];
            }
            else if (n <= end || end == 0)
            {
                return pivot;
            }
            else
            {
                values = values[end..];
                n -= end;
            }
        }
    }
}
