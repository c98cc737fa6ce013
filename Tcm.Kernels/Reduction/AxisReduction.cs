namespace Tcm.Kernels.Reduction;

/// <summary>Reductions of the middle axis of (outer, axis, inner) tensors. Thread-safe as far as its backend is.</summary>
public abstract class AxisReduction
{
    // Only Tcm derives from it, so that members can be added.
    private protected AxisReduction() { }

    /// <summary>y[o,i] = sum over a of x[o,a,i] / axis</summary>
    public void Mean(int outer, int axis, int inner, Slice x, Slice y) => Reduce("Mean", outer, axis, inner, 1f / axis, x, y);

    /// <summary>y[o,i] = sum over a of x[o,a,i]</summary>
    public void Sum(int outer, int axis, int inner, Slice x, Slice y) => Reduce("Sum", outer, axis, inner, 1f, x, y);

    private void Reduce(string op, int outer, int axis, int inner, float scale, Slice x, Slice y)
    {
        Check.That(outer > 0 && axis > 0 && inner > 0, $"{op}: impossible shape ({outer},{axis},{inner})");
        Check.Length(op, "x", x, (long)outer * axis * inner);
        Check.Length(op, "y", y, (long)outer * inner);
        SumCore(outer, axis, inner, scale, x, y);
    }

    /// <summary>y = scale * sum</summary>
    private protected abstract void SumCore(int outer, int axis, int inner, float scale, Slice x, Slice y);
}
