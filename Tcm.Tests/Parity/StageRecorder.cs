using Tcm.Detect.Models;
using Tcm.Nn;

namespace Tcm.Tests.Parity;

/// <summary>Copies every stage of a forward pass to the host.</summary>
internal sealed class StageRecorder : ForwardObserver
{
    public Dictionary<string, float[]> Values { get; } = [];

    public Dictionary<string, int[]> Shapes { get; } = [];

    public override bool WantsStages => true;

    public override void Stage(string name, Tensor value)
    {
        Values[name] = value.ToArray();
        Shapes[name] = value.Shape.ToArray();
    }
}
