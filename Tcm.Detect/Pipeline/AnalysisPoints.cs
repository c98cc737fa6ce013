using Tcm.Nn;

namespace Tcm.Detect.Pipeline;

/// <summary>Keeps a pass's score map; may stop the pass as its base does. For one pass, on one thread.</summary>
internal sealed class AnalysisPoints(DetectorStages stages, CancellationToken cancellation) : CancellationPoints(stages, cancellation)
{
    /// <summary>S (1,1,h,w); null where the model has none.</summary>
    public float[]? Score { get; private set; }

    /// <inheritdoc/>
    public override void Stage(string name, Tensor value)
    {
        if (name == "S")
        {
            Score = value.ToArray();
        }
    }
}
