using Tcm.Detect.Models;

namespace Tcm.Detect.Pipeline;

/// <summary>Stops a forward pass between two of its blocks. For one pass, on one thread.</summary>
/// <param name="stages">Told of every block.</param>
/// <param name="cancellation">When to stop.</param>
internal class CancellationPoints(DetectorStages stages, CancellationToken cancellation) : ForwardObserver
{
    /// <inheritdoc/>
    public override void BeginBlock(string name) => stages.Enter(name, cancellation);
}
