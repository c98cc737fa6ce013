namespace Tcm.Kernels.Elementwise;

public abstract partial class ElementwiseMaps
{
    /// <summary>dx = dy * f'(x), from the input x and the result y of the forward pass; dx may be dy.</summary>
    public void ActivateBackward(Activation activation, Slice x, Slice y, Slice dy, Slice dx)
    {
        const string op = "Activate gradient";
        Check.Length(op, "y", y, x.Length);
        Check.Length(op, "dy", dy, x.Length);
        Check.Length(op, "dx", dx, x.Length);
        ActivateBackwardCore(activation, x, y, dy, dx);
    }

    private protected abstract void ActivateBackwardCore(Activation activation, Slice x, Slice y, Slice dy, Slice dx);
}
