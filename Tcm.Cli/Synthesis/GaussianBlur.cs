using System.Numerics;

namespace Tcm.Cli.Synthesis;

/// <summary>
/// A Gaussian blur of RGBA pixels, as a separable kernel in fixed point: cheaper than Skia's filter, which allocates
/// layers, and the same on every machine.
/// </summary>
internal static class GaussianBlur
{
    /// <summary>Blurs in place; pixels beyond the edge repeat it.</summary>
    /// <param name="pixels">Rows of RGBA.</param>
    /// <param name="scratch">As long as <paramref name="pixels"/>; overwritten.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="sigma">Deviation in pixels.</param>
    public static void Apply(Span<byte> pixels, Span<byte> scratch, int width, int height, float sigma)
    {
        int radius = Math.Max(1, (int)MathF.Ceiling(2.5f * sigma));
        Span<int> weights = stackalloc int[2 * radius + 1];
        Weights(weights, radius, sigma);
        int stride = 4 * width;
        var sum = new int[stride];
        // Rows first into the scratch, then columns back: both sum whole rows, so that the loops vectorise.
        var padded = new byte[stride + 8 * radius];
        for (int y = 0; y < height; y++)
        {
            Pad(pixels.Slice(y * stride, stride), padded, radius);
            Array.Clear(sum);
            for (int k = 0; k < weights.Length; k++)
            {
                Accumulate(sum, padded.AsSpan(4 * k, stride), weights[k]);
            }
            Store(sum, scratch.Slice(y * stride, stride));
        }
        for (int y = 0; y < height; y++)
        {
            Array.Clear(sum);
            for (int k = 0; k < weights.Length; k++)
            {
                int from = Math.Clamp(y + k - radius, 0, height - 1);
                Accumulate(sum, scratch.Slice(from * stride, stride), weights[k]);
            }
            Store(sum, pixels.Slice(y * stride, stride));
        }
    }

    private static void Weights(Span<int> weights, int radius, float sigma)
    {
        float total = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            total += MathF.Exp(-0.5f * MathF.Pow((i - radius) / sigma, 2));
        }
        int left = 1 << 16;
        for (int i = 0; i < weights.Length; i++)
        {
            weights[i] = (int)(65536 * MathF.Exp(-0.5f * MathF.Pow((i - radius) / sigma, 2)) / total);
            left -= weights[i];
        }
        weights[radius] += left;
    }

    private static void Pad(ReadOnlySpan<byte> row, Span<byte> padded, int radius)
    {
        row.CopyTo(padded[(4 * radius)..]);
        for (int i = 0; i < radius; i++)
        {
            row[..4].CopyTo(padded[(4 * i)..]);
            row[^4..].CopyTo(padded[(padded.Length - 4 * (i + 1))..]);
        }
    }

    private static void Accumulate(Span<int> sum, ReadOnlySpan<byte> row, int weight)
    {
        int lanes = Vector<byte>.Count, quarter = Vector<int>.Count, i = 0;
        var factor = new Vector<int>(weight);
        for (; i + lanes <= sum.Length; i += lanes)
        {
            Vector.Widen(new Vector<byte>(row[i..]), out var low, out var high);
            Vector.Widen(low, out var a, out var b);
            Vector.Widen(high, out var c, out var d);
            Add(sum[i..], Vector.AsVectorInt32(a) * factor);
            Add(sum[(i + quarter)..], Vector.AsVectorInt32(b) * factor);
            Add(sum[(i + 2 * quarter)..], Vector.AsVectorInt32(c) * factor);
            Add(sum[(i + 3 * quarter)..], Vector.AsVectorInt32(d) * factor);
        }
        for (; i < sum.Length; i++)
        {
            sum[i] += row[i] * weight;
        }
    }

    private static void Add(Span<int> sum, Vector<int> value) => (new Vector<int>(sum) + value).CopyTo(sum);

    private static void Store(ReadOnlySpan<int> sum, Span<byte> row)
    {
        for (int i = 0; i < row.Length; i++)
        {
            row[i] = (byte)(sum[i] + (1 << 15) >> 16);
        }
    }
}
