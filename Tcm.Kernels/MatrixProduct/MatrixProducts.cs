namespace Tcm.Kernels.MatrixProduct;

/// <summary>
/// A batch of products c = alpha * op(a) op(b) with op(a) M x K, op(b) K x N, all row-major. Strides are floats between
/// the matrices of a batch; 0 uses the same matrix for all. A transposed a is stored (K,M), a transposed b (N,K).
/// </summary>
public readonly record struct MatrixShape(int Batch, int M, int N, int K, bool TransposeA, bool TransposeB,
    long StrideA, long StrideB, long StrideC)
{
    /// <summary>Multiply-adds of the batch.</summary>
    public long MultiplyAdds => (long)Batch * M * N * K;
}

/// <summary>Linear layers with packed weights, and general batched matrix products. Thread-safe as far as its backend is.</summary>
public abstract class MatrixProducts
{
    // Only Tcm derives from it, so that members can be added.
    private protected MatrixProducts() { }

    /// <summary>Packs the weight of a linear layer.</summary>
    /// <param name="n">Output features.</param>
    /// <param name="k">Input features.</param>
    /// <param name="weight">(N,K) row-major in host memory, as torch.nn.Linear stores it.</param>
    /// <param name="bias">N values, or empty for none.</param>
    /// <param name="activation">Applied last, after bias and residual.</param>
    public PreparedMatrix Prepare(int n, int k, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, Activation activation)
    {
        Check.That(n > 0 && k > 0 && weight.Length == (long)n * k,
            $"Linear: weight has {weight.Length} values, expected ({n},{k})");
        Check.That(bias.Length == 0 || bias.Length == n, $"Linear: bias has {bias.Length} values, expected {n}");
        return PrepareCore(n, k, weight, bias, activation);
    }

    /// <summary>y (rows,N) = act(x (rows,K) w^T + bias + residual (rows,N)); residual may be y itself.</summary>
    public void Linear(PreparedMatrix matrix, int rows, Slice x, Slice y, Slice? residual = null)
    {
        const string op = "Linear";
        Check.Positive(op, "rows", rows);
        Check.Length(op, "x", x, (long)rows * matrix.K);
        Check.Length(op, "y", y, (long)rows * matrix.N);
        if (residual is { } r)
        {
            Check.Length(op, "residual", r, (long)rows * matrix.N);
        }
        Backend.CountMultiplyAdds((long)rows * matrix.N * matrix.K);
        LinearCore(matrix, rows, x, y, residual);
    }

    /// <summary>c = alpha * op(a) op(b) for each matrix of the batch.</summary>
    public void Multiply(MatrixShape shape, Slice a, Slice b, Slice c, float alpha = 1)
    {
        const string op = "MatMul";
        Check.That(shape.Batch > 0 && shape.M > 0 && shape.N > 0 && shape.K > 0, $"{op}: impossible shape {shape}");
        Check.Length(op, "a", a, (shape.Batch - 1) * shape.StrideA + (long)shape.M * shape.K);
        Check.Length(op, "b", b, (shape.Batch - 1) * shape.StrideB + (long)shape.K * shape.N);
        Check.Length(op, "c", c, (shape.Batch - 1) * shape.StrideC + (long)shape.M * shape.N);
        Check.That(shape.Batch == 1 || shape.StrideC >= (long)shape.M * shape.N, $"{op}: results overlap in {shape}");
        Backend.CountMultiplyAdds(shape.MultiplyAdds);
        MultiplyCore(shape, a, b, c, alpha);
    }

    private protected abstract PreparedMatrix PrepareCore(int n, int k, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias,
        Activation activation);

    private protected abstract void LinearCore(PreparedMatrix matrix, int rows, Slice x, Slice y, Slice? residual);

    private protected abstract void MultiplyCore(MatrixShape shape, Slice a, Slice b, Slice c, float alpha);
}

/// <summary>A linear layer whose weight is packed for one backend. Immutable, may be used from many threads.</summary>
public abstract class PreparedMatrix(int n, int k, Activation activation) : IDisposable
{
    /// <summary>Output features.</summary>
    public int N { get; } = n;

    /// <summary>Input features.</summary>
    public int K { get; } = k;

    /// <summary>The function applied last.</summary>
    public Activation Activation { get; } = activation;

    /// <summary>Frees the packed weights.</summary>
    public abstract void Dispose();
}
