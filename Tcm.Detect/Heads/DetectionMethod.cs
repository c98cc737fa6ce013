using Tcm.Detect.Models;
using Tcm.Detect.Preprocessing;
using Tcm.Nn;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Heads;

/// <summary>From the values of <see cref="DetectionHead.Forward"/> for one picture to regions in source coordinates.
/// May be called from many threads at once.</summary>
/// <param name="maps">The head's result for one picture.</param>
/// <param name="size">Where the network's pixels lie in the source picture.</param>
internal delegate IReadOnlyList<TextRegion> RegionExtractor(ReadOnlySpan<float> maps, NetworkSize size);

/// <summary>
/// One of the detectors that TCM can be plugged into: all that the rest of the library asks about it. A method is a folder
/// under <c>Heads/</c> with a subclass, and one line in <see cref="HeadRegistry"/>.
/// </summary>
internal abstract class DetectionMethod
{
    /// <summary>What a configuration, a recipe and a message call it.</summary>
    public abstract string Name { get; }

    /// <summary>Names of tensors that begin like this occur in checkpoints of this method alone.</summary>
    public abstract string TensorPrefix { get; }

    /// <summary>Settings of its post-processing as they are unless somebody says otherwise.</summary>
    public abstract PostProcessingOptions PostProcessing { get; }

    /// <summary>Fills in what a checkpoint's shapes tell about neck and head, and the input's statistics.</summary>
    /// <exception cref="WeightFormatException">A tensor is missing or has another number of dimensions.</exception>
    public abstract TcmConfig Derive(Checkpoint file, TcmConfig config);

    /// <summary>Whether neck and head can be built with a configuration's widths.</summary>
    public abstract bool CanBuild(TcmConfig config);

    /// <summary>Adds names and shapes of neck and head, in the order of the official checkpoints.</summary>
    public abstract void AddTensors(TensorTable table, TcmConfig config);

    /// <summary>Builds neck and head.</summary>
    public abstract DetectionHead CreateHead(Weights weights, TcmConfig config);

    /// <summary>Prepares post-processing.</summary>
    /// <param name="options">Of the type of <see cref="PostProcessing"/>.</param>
    /// <exception cref="Kernels.TcmException">Settings that make no sense.</exception>
    public abstract RegionExtractor CreateExtractor(PostProcessingOptions options);

    /// <summary>Prepares the part of post-processing that a device can do; null where there is none.</summary>
    /// <param name="options">Of the type of <see cref="PostProcessing"/>.</param>
    public virtual MapReduction? CreateReduction(PostProcessingOptions options) => null;

    /// <summary>How likely each place is text, for looking at.</summary>
    /// <param name="maps">The head's result for one picture.</param>
    /// <param name="size">Where the network's pixels lie in the source picture.</param>
    public abstract MapPlane TextProbability(ReadOnlyMemory<float> maps, NetworkSize size);

    /// <summary>Builds what the method is trained on.</summary>
    public abstract TrainingObjective CreateObjective(TcmConfig config, TrainingOptions options);
}
