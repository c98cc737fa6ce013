using System.Collections.ObjectModel;
using Tcm.Detect.Heads;

namespace Tcm.Detect;

/// <summary>How a <see cref="TextDetector"/> runs. The defaults are those of TCM's ICDAR2015 evaluation, except the size.</summary>
public sealed record TextDetectorOptions
{
    /// <summary><c>cpu</c> (the default), <c>cuda:i</c>, <c>opencl:i</c> or <c>auto</c>; see
    /// <see cref="Kernels.Devices.Open"/>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Threads of the CPU, 0 for one a core.</summary>
    public int Threads { get; init; }

    /// <summary>What convolutions and matrix products may round their factors to, on GPUs that have tensor cores for it; sums and
    /// all other operations stay FP32.</summary>
    public Kernels.Precision Precision { get; init; } = Kernels.Precision.Fp32;

    /// <summary>Pictures are resized, keeping their proportions, so that the shorter side has this many pixels ...</summary>
    public int ShortSide { get; init; } = 736;

    /// <summary>... unless the longer side would have more than this many.</summary>
    public int MaxSide { get; init; } = 4068;

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

    /// <summary>Attention heads of the text encoder, for official checkpoints whose sizes are not the official ones.</summary>
    public int? TextHeads { get; init; }

    /// <summary>Attention heads of the decoders, likewise.</summary>
    public int? DecoderHeads { get; init; }
}
