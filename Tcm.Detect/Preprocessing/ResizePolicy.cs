using Tcm.Kernels;

namespace Tcm.Detect.Preprocessing;

/// <summary>Sizes of a picture on its way into the network. A value, free to share between threads.</summary>
/// <param name="Width">Columns after the resize.</param>
/// <param name="Height">Rows after the resize.</param>
/// <param name="PaddedWidth">Columns of the network's input, a multiple of 32.</param>
/// <param name="PaddedHeight">Rows of the network's input, a multiple of 32.</param>
/// <param name="ScaleX">Network pixels per source pixel, horizontally.</param>
/// <param name="ScaleY">Network pixels per source pixel, vertically.</param>
public readonly record struct NetworkSize(
    int Width, int Height, int PaddedWidth, int PaddedHeight, double ScaleX, double ScaleY);

/// <summary>
/// How large a picture becomes for the network. The ratio is kept: the factor is the largest with which neither the longer
/// side exceeds <see cref="LongSide"/> nor the shorter one <see cref="ShortSide"/>; small pictures are enlarged.
/// Immutable; safe to share between threads.
/// </summary>
public sealed record ResizePolicy
{
    private const int Multiple = 32;

    /// <summary>A policy with the given limits, in pixels.</summary>
    public ResizePolicy(int longSide, int shortSide)
    {
        LongSide = longSide;
        ShortSide = shortSide;
    }

    /// <summary>Limit of the longer side.</summary>
    public int LongSide { get; init; }

    /// <summary>Limit of the shorter side.</summary>
    public int ShortSide { get; init; }

    /// <summary>Limit of the network's input, padding included; a larger one is refused before memory is asked for.</summary>
    public long MaxPixels { get; init; } = DetectorLimits.Default.MaxNetworkPixels;

    /// <summary>The sizes for a picture of <paramref name="width"/> x <paramref name="height"/> pixels.</summary>
    /// <exception cref="TcmException">The limits make no sense.</exception>
    /// <exception cref="ImageLimitException">The result would have too many pixels.</exception>
    public NetworkSize For(int width, int height)
    {
        if (width <= 0 || height <= 0 || LongSide <= 0 || ShortSide <= 0)
        {
            throw new TcmException($"ResizePolicy: cannot fit {width}x{height} pixels into sides of {LongSide} and {ShortSide}");
        }
        // The reference does not care which of its two numbers is the larger one.
        double longest = Math.Max(LongSide, ShortSide);
        double shortest = Math.Min(LongSide, ShortSide);
        double factor = Math.Min(longest / Math.Max(width, height), shortest / Math.Min(width, height));
        int w = Math.Max((int)(width * factor + 0.5), 1);
        int h = Math.Max((int)(height * factor + 0.5), 1);
        long paddedW = ((long)w + Multiple - 1) / Multiple * Multiple;
        long paddedH = ((long)h + Multiple - 1) / Multiple * Multiple;
        if (paddedW * paddedH > MaxPixels)
        {
            throw new ImageLimitException($"ResizePolicy: {width}x{height} pixels would become {paddedW}x{paddedH}, more than "
                + $"{MaxPixels} pixels ({nameof(DetectorLimits)}.{nameof(DetectorLimits.MaxTensorBytes)})");
        }
        return new NetworkSize(w, h, (int)paddedW, (int)paddedH, (double)w / width, (double)h / height);
    }
}
