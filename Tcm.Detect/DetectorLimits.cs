namespace Tcm.Detect;

/// <summary>
/// What a <see cref="TextDetector"/> refuses before it takes memory for it, so that neither a file nor a picture of a stranger can
/// take the process down. Immutable; safe to share between threads.
/// </summary>
public sealed record DetectorLimits
{
    /// <summary>The limits of a detector for which none are given.</summary>
    public static DetectorLimits Default { get; } = new();

    /// <summary>Pixels of a picture as it is given, width times height; 200 million.</summary>
    public long MaxPixels { get; init; } = 200_000_000;

    /// <summary>
    /// Bytes of the network's input (12 a pixel, padding included, all pictures of a batch together); the tensors inside grow in
    /// proportion to it. 192 MiB, which is 4096x4096 pixels.
    /// </summary>
    public long MaxTensorBytes { get; init; } = 192L << 20;

    /// <summary>
    /// Bytes of the table of tensors in a weight file: the JSON of a safetensors file (100 million, as in the reference
    /// implementation), the pickle of a PyTorch archive.
    /// </summary>
    public int MaxHeaderBytes { get; init; } = Tcm.Nn.Checkpoints.CheckpointFile.DefaultMaxHeaderBytes;

    /// <summary>
    /// Regions of a result; of more, those with the best scores stay, and <see cref="DetectionResult.RegionsLeftOut"/> counts the
    /// others. A million.
    /// </summary>
    public int MaxRegions { get; init; } = 1_000_000;

    /// <summary>Pixels of the network's input.</summary>
    internal long MaxNetworkPixels => MaxTensorBytes / BytesOfNetworkPixel;

    /// <summary>Three floats.</summary>
    internal const int BytesOfNetworkPixel = 3 * sizeof(float);

    /// <exception cref="OptionException">A limit makes no sense.</exception>
    internal void Validate()
    {
        Positive(nameof(MaxPixels), MaxPixels);
        OptionException.Require(MaxPixels <= Array.MaxLength / 3, $"{nameof(DetectorLimits)}.{nameof(MaxPixels)}", MaxPixels,
            $"an array holds no more than {Array.MaxLength / 3} pixels");
        OptionException.Require(MaxTensorBytes >= 32 * 32 * BytesOfNetworkPixel, $"{nameof(DetectorLimits)}.{nameof(MaxTensorBytes)}",
            MaxTensorBytes, $"the smallest input of the network takes {32 * 32 * BytesOfNetworkPixel} bytes");
        Positive(nameof(MaxHeaderBytes), MaxHeaderBytes);
        OptionException.Require(MaxRegions >= 0, $"{nameof(DetectorLimits)}.{nameof(MaxRegions)}", MaxRegions, "must not be negative");
    }

    /// <exception cref="ImageLimitException">The picture is too large, or has no size.</exception>
    internal void CheckPicture(int width, int height)
    {
        if ((long)width * height > MaxPixels)
        {
            throw new ImageLimitException($"a picture of {width}x{height} has more than {MaxPixels} pixels "
                + $"({nameof(DetectorLimits)}.{nameof(MaxPixels)})");
        }
    }

    private static void Positive(string name, long value) =>
        OptionException.Require(value > 0, $"{nameof(DetectorLimits)}.{name}", value, "must be positive");
}
