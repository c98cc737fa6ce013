using System.Collections.ObjectModel;
using Microsoft.Extensions.Logging;
using Tcm.Detect.Heads;

namespace Tcm.Detect;

/// <summary>
/// How a <see cref="TextDetector"/> runs. The defaults are those of TCM's ICDAR2015 evaluation, except the size. Immutable; safe to
/// share between threads. Checked when a detector is made: an <see cref="OptionException"/> names the option and its value.
/// </summary>
public sealed record TextDetectorOptions
{
    // Post-processing refuses longer maps.
    private const int LongestSide = 1 << 16;

    /// <summary><c>cpu</c> (the default), <c>cuda:i</c>, <c>opencl:i</c> or <c>auto</c>; see
    /// <see cref="Kernels.Devices.Open"/>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Threads of the CPU, 0 for one a core.</summary>
    public int Threads { get; init; }

    /// <summary>What convolutions, matrix products and attention may round their factors to, on GPUs that have tensor cores for it;
    /// sums and all other operations stay FP32. In <see cref="Kernels.Precision.Fp16"/> images are kept in half precision.</summary>
    public Kernels.Precision Precision { get; init; } = Kernels.Precision.Fp32;

    /// <summary>Pictures are resized, keeping their proportions, so that the shorter side has this many pixels ...</summary>
    public int ShortSide { get; init; } = 736;

    /// <summary>... unless the longer side would have more than this many. Not less than <see cref="ShortSide"/>.</summary>
    public int MaxSide { get; init; } = 4068;

    /// <summary>Order of the regions in a result.</summary>
    public RegionOrder Order { get; init; } = RegionOrder.Found;

    /// <summary>What is refused.</summary>
    public DetectorLimits Limits { get; init; } = DetectorLimits.Default;

    /// <summary>
    /// Post-processing, of the type that belongs to the model's head (<see cref="Heads.Db.DbPostProcessingOptions"/>); null for
    /// the head's defaults.
    /// </summary>
    public PostProcessingOptions? PostProcessing { get; init; }

    /// <summary>
    /// Single settings by name over <see cref="PostProcessing"/>, for callers that do not know the model's head; see
    /// <see cref="PostProcessingOptions.Settings"/>.
    /// </summary>
    public IReadOnlyDictionary<string, double> PostProcessingSettings { get; init; } = ReadOnlyDictionary<string, double>.Empty;

    /// <summary>
    /// Sizes of the network's input (with the number of pictures in it) at which the network is recorded and replayed, from the
    /// second picture on: on CUDA devices as a graph, one launch for all kernels. The sizes last used stay recorded, with the memory
    /// they need. Null for 8 on CUDA devices and 0 elsewhere, where replaying gains nothing; 0 switches it off.
    /// <see cref="TextDetector.RecordedPasses"/> shows them.
    /// </summary>
    public int? RecordedSizes { get; init; }

    /// <summary>
    /// Whether a DB model's candidates are found on the device, so that a third of the map's bytes are copied to the host; the
    /// regions are the same. Null for CUDA devices only. Not measured on a device yet. Other heads copy their maps.
    /// </summary>
    public bool? DeviceComponents { get; init; }

    /// <summary>Attention heads of the text encoder, for official checkpoints whose sizes are not the official ones.</summary>
    public int? TextHeads { get; init; }

    /// <summary>Attention heads of the decoders, likewise.</summary>
    public int? DecoderHeads { get; init; }

    /// <summary>What traces and metrics call the detector, where there are several; null for none.</summary>
    public string? Name { get; init; }

    /// <summary>
    /// Told of loading, warm-up, slow pictures, refusals and failures (docs/api.md lists the events); null for nobody. In a host
    /// it is made from the host's logging.
    /// </summary>
    public ILogger? Logger { get; init; }

    /// <summary>A picture that takes longer in all stages is logged as a warning; 10 s.</summary>
    public TimeSpan SlowAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <exception cref="OptionException">An option makes no sense.</exception>
    internal void Validate()
    {
        Require(!string.IsNullOrWhiteSpace(Device), nameof(Device), Device, "expected cpu, cuda:i, opencl:i or auto");
        Require(Threads is >= 0 and <= 1024, nameof(Threads), Threads, "must be between 0 (one a core) and 1024");
        Require(Enum.IsDefined(Precision), nameof(Precision), Precision, "is no precision");
        Require(ShortSide is > 0 and <= LongestSide, nameof(ShortSide), ShortSide, $"must be between 1 and {LongestSide}");
        Require(MaxSide is > 0 and <= LongestSide, nameof(MaxSide), MaxSide, $"must be between 1 and {LongestSide}");
        Require(MaxSide >= ShortSide, nameof(MaxSide), MaxSide, $"is less than {nameof(ShortSide)}, which is {ShortSide}");
        Require(Enum.IsDefined(Order), nameof(Order), Order, "is no order");
        Require(Limits is not null, nameof(Limits), null, "must not be null");
        Require(PostProcessingSettings is not null, nameof(PostProcessingSettings), null, "must not be null");
        Require(RecordedSizes is null or (>= 0 and <= 1024), nameof(RecordedSizes), RecordedSizes, "must be between 0 and 1024");
        Require(TextHeads is null or > 0, nameof(TextHeads), TextHeads, "must be positive");
        Require(DecoderHeads is null or > 0, nameof(DecoderHeads), DecoderHeads, "must be positive");
        Require(Name is null || !string.IsNullOrWhiteSpace(Name), nameof(Name), Name, "must be null or a name");
        Require(SlowAfter > TimeSpan.Zero, nameof(SlowAfter), SlowAfter, "must be positive");
        Limits!.Validate();
    }

    private static void Require(bool condition, string option, object? value, string reason) =>
        OptionException.Require(condition, $"{nameof(TextDetectorOptions)}.{option}", value, reason);
}
