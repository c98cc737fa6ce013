namespace Tcm.Detect.Hosting;

/// <summary>
/// How a <see cref="TextDetector"/> lives in a host. Not thread-safe: the host fills one in before it makes the detector, and later
/// changes of the configuration have no effect. In configuration the members of <see cref="Detector"/> stand beside those of this
/// type.
/// </summary>
public sealed class TextDetectorHostOptions
{
    /// <summary>
    /// Path of the weights, from the content root of the host (the working directory where there is no host); null, unless there is
    /// <see cref="OpenWeights"/>, for the model that comes with Tcm.
    /// </summary>
    public string? Weights { get; set; }

    /// <summary>Opens a stream with the weights instead, which is read to its end and disposed; called once.</summary>
    public Func<Stream>? OpenWeights { get; set; }

    /// <summary>
    /// Device, sizes, limits, post-processing. Logger and name, where they are null, come from the host and the key.
    /// </summary>
    public TextDetectorOptions Detector { get; set; } = new();

    /// <summary>
    /// Whether the host loads and warms up while it starts, before any other service of it does, and does not start when that
    /// fails; true. Else the first who asks for the detector waits for it, or gets the exception; the next one tries again.
    /// </summary>
    public bool LoadOnStart { get; set; } = true;

    /// <summary>
    /// Sizes of pictures to warm up for after loading, before any resize; empty for none. Null for a square one where the host
    /// loads at start, else none.
    /// </summary>
    public IReadOnlyList<(int Width, int Height)>? WarmUpSizes { get; set; }

    /// <summary>What could not be read from configuration; the validation tells it.</summary>
    internal List<string> Unreadable { get; } = [];
}
