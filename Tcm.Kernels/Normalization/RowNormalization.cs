namespace Tcm.Kernels.Normalization;

/// <summary>
/// Normalisation of each row of a (rows, columns) matrix. x and y may be the same memory. Thread-safe as far as its backend is.
/// </summary>
public abstract partial class RowNormalization
{
    // Only Tcm derives from it, so that members can be added.
    private protected RowNormalization() { }

    /// <summary>y = (x - mean) / sqrt(var + eps) * gamma + beta with the biased variance of the row.</summary>
    public void LayerNorm(int rows, int columns, float eps, Slice x, Slice gamma, Slice beta, Slice y)
    {
        Validate("LayerNorm", rows, columns, x, y);
        Check.Length("LayerNorm", "gamma", gamma, columns);
        Check.Length("LayerNorm", "beta", beta, columns);
        LayerNormCore(rows, columns, eps, x, gamma, beta, y);
    }

    /// <summary>y = x / max(||x||, eps) with the Euclidean norm of the row.</summary>
    public void L2Normalize(int rows, int columns, float eps, Slice x, Slice y)
    {
        Validate("L2Normalize", rows, columns, x, y);
        L2NormalizeCore(rows, columns, eps, x, y);
    }

    /// <summary>y = exp(x - max) / sum exp(x - max) over the row.</summary>
    public void Softmax(int rows, int columns, Slice x, Slice y)
    {
        Validate("Softmax", rows, columns, x, y);
        SoftmaxCore(rows, columns, x, y);
    }

    private static void Validate(string op, int rows, int columns, Slice x, Slice y)
    {
        Check.Positive(op, "rows", rows);
        Check.Positive(op, "columns", columns);
        Check.Length(op, "x", x, (long)rows * columns);
        Check.Length(op, "y", y, (long)rows * columns);
    }

    private protected abstract void LayerNormCore(int rows, int columns, float eps, Slice x, Slice gamma, Slice beta, Slice y);

    private protected abstract void L2NormalizeCore(int rows, int columns, float eps, Slice x, Slice y);

    private protected abstract void SoftmaxCore(int rows, int columns, Slice x, Slice y);
}
