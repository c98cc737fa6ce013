using Tcm.Detect.Models;
using Tcm.Detect.Preprocessing;
using Tcm.Nn;

namespace Tcm.Detect.Heads;

/// <summary>
/// The detector behind the shared trunk: neck, head and post-processing of one method. A method is a folder under
/// <c>Heads/</c> with a subclass, and one line in <see cref="HeadRegistry"/>.
/// </summary>
internal abstract class DetectionHead : IDisposable
{
    /// <summary>
    /// Stages x0 (stride 4) to x3 (stride 32, with the score map as its last channel) to the maps that post-processing
    /// reads.
    /// </summary>
    public abstract Tensor Forward(ReadOnlySpan<Tensor> stages, ForwardObserver? observer);

    /// <summary>All maps that the training objective compares with targets, from the stages as in <see cref="Forward"/>.</summary>
    public abstract IReadOnlyList<Tensor> TrainingMaps(ReadOnlySpan<Tensor> stages);

    /// <summary>From the maps to regions in source coordinates.</summary>
    /// <param name="maps">Values of <see cref="Forward"/>'s result for one image.</param>
    /// <param name="size">Where the network's pixels lie in the source picture.</param>
    /// <param name="options">Settings; each head reads its own part.</param>
    public abstract IReadOnlyList<TextRegion> Extract(ReadOnlySpan<float> maps, NetworkSize size,
        TextDetectorOptions options);

    public abstract void Dispose();
}
