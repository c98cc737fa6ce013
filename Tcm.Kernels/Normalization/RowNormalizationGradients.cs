namespace Tcm.Kernels.Normalization;

public abstract partial class RowNormalization
{
    /// <summary>Gradients of <see cref="LayerNorm"/>; mean and variance are computed again from x.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="eps">As forward.</param>
    /// <param name="x">(rows, columns), the input of the forward pass</param>
    /// <param name="gamma">(columns)</param>
    /// <param name="dy">(rows, columns)</param>
    /// <param name="dx">(rows, columns), overwritten</param>
    /// <param name="dgamma">(columns), overwritten</param>
    /// <param name="dbeta">(columns), overwritten</param>
    public void LayerNormBackward(int rows, int columns, float eps, Slice x, Slice gamma, Slice dy, Slice dx, Slice dgamma,
        Slice dbeta)
    {
        const string op = "LayerNorm gradient";
        Validate(op, rows, columns, x, dx);
        Check.Length(op, "dy", dy, (long)rows * columns);
        Check.Length(op, "gamma", gamma, columns);
        Check.Length(op, "dgamma", dgamma, columns);
        Check.Length(op, "dbeta", dbeta, columns);
        LayerNormBackwardCore(rows, columns, eps, x, gamma, dy, dx, dgamma, dbeta);
    }

    /// <summary>Gradient of <see cref="L2Normalize"/>: (dy - u (u·dy)) / max(||x||, eps) with u = x / max(||x||, eps); dy / eps
    /// where the norm is below eps.</summary>
    public void L2NormalizeBackward(int rows, int columns, float eps, Slice x, Slice dy, Slice dx)
    {
        const string op = "L2Normalize gradient";
        Validate(op, rows, columns, x, dx);
        Check.Length(op, "dy", dy, (long)rows * columns);
        L2NormalizeBackwardCore(rows, columns, eps, x, dy, dx);
    }

    /// <summary>Gradient of <see cref="Softmax"/> from its result: dx = y (dy - sum of y dy over the row).</summary>
    public void SoftmaxBackward(int rows, int columns, Slice y, Slice dy, Slice dx)
    {
        const string op = "Softmax gradient";
        Validate(op, rows, columns, y, dx);
        Check.Length(op, "dy", dy, (long)rows * columns);
        SoftmaxBackwardCore(rows, columns, y, dy, dx);
    }

    private protected abstract void LayerNormBackwardCore(int rows, int columns, float eps, Slice x, Slice gamma, Slice dy, Slice dx,
        Slice dgamma, Slice dbeta);

    private protected abstract void L2NormalizeBackwardCore(int rows, int columns, float eps, Slice x, Slice dy, Slice dx);

    private protected abstract void SoftmaxBackwardCore(int rows, int columns, Slice y, Slice dy, Slice dx);
}
