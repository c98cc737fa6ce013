namespace Tcm.Kernels.Images;

/// <summary>Per-channel normalisation of an RGB picture: (value - mean) * scale on the 0..255 range.</summary>
public readonly record struct ChannelNormalization(
    float MeanR, float MeanG, float MeanB, float ScaleR, float ScaleG, float ScaleB);

/// <summary>Interleaved 8-bit RGB pixels to planar floats. Thread-safe as far as its backend is.</summary>
public abstract class ImageInput
{
    // Only Tcm derives from it, so that members can be added.
    private protected ImageInput() { }

    /// <summary>
    /// y (3, paddedH, paddedW): channel c of pixel (i,j) is (rgb[i*rowStride + 3*j + c] - mean[c]) * scale[c]; 0 right of and
    /// below the picture.
    /// </summary>
    /// <param name="rgb">h rows of w RGB triples in host memory.</param>
    /// <param name="rowStride">Bytes between rows.</param>
    /// <param name="h">Rows.</param>
    /// <param name="w">Columns.</param>
    /// <param name="paddedH">Rows of the result, at least <paramref name="h"/>.</param>
    /// <param name="paddedW">Columns of the result, at least <paramref name="w"/>.</param>
    /// <param name="normalization">Mean and scale.</param>
    /// <param name="y">The result.</param>
    public void NormalizePad(ReadOnlySpan<byte> rgb, int rowStride, int h, int w, int paddedH, int paddedW,
        ChannelNormalization normalization, Slice y)
    {
        const string op = "NormalizePad";
        CheckPicture(op, rgb, rowStride, h, w, paddedH, paddedW);
        Check.Length(op, "y", y, 3L * paddedH * paddedW);
        NormalizePadCore(rgb, rowStride, h, w, paddedH, paddedW, normalization, y);
    }

    internal static void CheckPicture(string op, ReadOnlySpan<byte> rgb, int rowStride, int h, int w, int paddedH, int paddedW) =>
        Check.That(h > 0 && w > 0 && paddedH >= h && paddedW >= w && rowStride >= 3 * w
            && rgb.Length >= (long)(h - 1) * rowStride + 3L * w,
            $"{op}: {rgb.Length} bytes for {h}x{w} pixels, rows {rowStride} apart, padded to {paddedH}x{paddedW}");

    private protected abstract void NormalizePadCore(ReadOnlySpan<byte> rgb, int rowStride, int h, int w, int paddedH,
        int paddedW, ChannelNormalization normalization, Slice y);
}
