using Tcm.Nn;

namespace Tcm.Detect.Models;

/// <summary>
/// Looks into a forward pass: <see cref="Stage"/> receives every named tensor, the block methods bracket the parts of the
/// network for timing. Called on the thread of the forward pass.
/// </summary>
public abstract class ForwardObserver
{
    /// <summary>Whether tensors that detection does not need (the threshold map, images of tokens) are wanted.</summary>
    public virtual bool WantsStages => false;

    /// <summary>A named intermediate tensor; valid only during the call.</summary>
    public virtual void Stage(string name, Tensor value) { }

    /// <summary>A part of the network begins.</summary>
    public virtual void BeginBlock(string name) { }

    /// <summary>The part that began last ends; its results may still be under way on a GPU.</summary>
    public virtual void EndBlock() { }
}
