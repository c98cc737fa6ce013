using Tcm.Detect.Models;
using Tcm.Nn;

namespace Tcm.Detect.Heads;

/// <summary>
/// The layers behind the shared trunk: neck and head of one <see cref="DetectionMethod"/>.
/// </summary>
internal abstract class DetectionHead : IDisposable
{
    /// <summary>
    /// Stages x0 (stride 4) to x3 (stride 32, with the score map as its last channel) to the maps that post-processing
    /// reads. The stages may not be used any more.
    /// </summary>
    public abstract Tensor Forward(ReadOnlySpan<Tensor> stages, ForwardObserver? observer);

    /// <summary>All maps that the training objective compares with targets, from the stages as in <see cref="Forward"/>.</summary>
    public abstract IReadOnlyList<Tensor> TrainingMaps(ReadOnlySpan<Tensor> stages);

    public abstract void Dispose();
}
