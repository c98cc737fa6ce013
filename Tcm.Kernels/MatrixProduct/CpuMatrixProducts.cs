using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>
/// Matrix products on the CPU. c (M x N) = a (M x K) b (K x N): a is packed into strips of 4 rows, b into panels of
/// <see cref="Gemm{T}.Columns"/> columns (once, for the weight of a linear layer).
/// </summary>
internal sealed unsafe class CpuMatrixProducts(CpuBackend backend) : MatrixProducts
{
    private protected override PreparedMatrix PrepareCore(int n, int k, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias,
        Activation activation) => backend.Level switch
        {
            SimdLevel.Portable => new CpuPreparedMatrix<Floats4>(backend, n, k, weight, bias, activation),
            SimdLevel.Avx2 => new CpuPreparedMatrix<Floats8>(backend, n, k, weight, bias, activation),
            _ => new CpuPreparedMatrix<Floats16>(backend, n, k, weight, bias, activation),
        };

    private protected override void LinearCore(PreparedMatrix matrix, int rows, Slice x, Slice y, Slice? residual) =>
        ((ICpuPreparedMatrix)matrix).Run(rows, x, y, residual);

    private protected override void MultiplyCore(MatrixShape shape, Slice a, Slice b, Slice c, float alpha)
    {
        switch (backend.Level)
        {
            case SimdLevel.Portable: Multiply<Floats4>(shape, a, b, c, alpha); break;
            case SimdLevel.Avx2: Multiply<Floats8>(shape, a, b, c, alpha); break;
            default: Multiply<Floats16>(shape, a, b, c, alpha); break;
        }
    }

    private void Multiply<T>(MatrixShape s, Slice a, Slice b, Slice c, float alpha) where T : struct, IFloatVector<T>
    {
        using var packedA = backend.Allocate(CpuProduct<T>.StripFloats(s.M, s.K));
        using var packedB = backend.Allocate(CpuProduct<T>.PanelFloats(s.N, s.K));
        float* pa = CpuBackend.Pointer(packedA.All), pb = CpuBackend.Pointer(packedB.All);
        for (int i = 0; i < s.Batch; i++)
        {
            float* mb = CpuBackend.Pointer(b) + (i * s.StrideB);
            if (i == 0 || s.StrideB != 0)
            {
                CpuProduct<T>.PackPanels(backend.Team, mb, s.TransposeB ? 1 : s.N, s.TransposeB ? s.K : 1, s.N, s.K, pb);
            }
            if (i == 0 || s.StrideA != 0)
            {
                CpuProduct<T>.PackStrips(backend.Team, CpuBackend.Pointer(a) + (i * s.StrideA), s.TransposeA ? 1 : s.K,
                    s.TransposeA ? s.M : 1, s.M, s.K, alpha, pa);
            }
            CpuProduct<T>.Run(backend.Team, s.M, s.N, s.K, pa, new(pb), null, null, CpuBackend.Pointer(c) + (i * s.StrideC),
                Activation.None);
        }
    }
}

internal interface ICpuPreparedMatrix
{
    /// <summary>What the packed weight occupies.</summary>
    long PackedBytes { get; }

    void Run(int rows, Slice x, Slice y, Slice? residual);
}

/// <summary>The weight of a linear layer in panels, of halves where it has no other values.</summary>
internal sealed unsafe class CpuPreparedMatrix<T> : PreparedMatrix, ICpuPreparedMatrix where T : struct, IFloatVector<T>
{
    private readonly CpuBackend _backend;
    private readonly CpuBuffer _weight, _bias;
    private readonly PackedPanels _panels;

    public CpuPreparedMatrix(CpuBackend backend, int n, int k, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias,
        Activation activation) : base(n, k, activation)
    {
        _backend = backend;
        var shift = new float[CpuProduct<T>.PanelFloats(n, 1)];
        bias.CopyTo(shift);
        _bias = CpuBuffer.From(shift);
        _weight = new CpuBuffer(CpuProduct<T>.PanelFloats(n, k));
        fixed (float* source = weight)
        {
            CpuProduct<T>.PackPanels(backend.Team, source, 1, k, n, k, _weight.Pointer);
        }
        if (HalfPanels<T>.TryNarrow(backend.Team, _weight.Pointer, CpuProduct<T>.PanelFloats(n, k)) is { } halves)
        {
            _weight.Dispose();
            _weight = halves;
            _panels = new(null, (ushort*)halves.Pointer);
        }
        else
        {
            _panels = new(_weight.Pointer);
        }
    }

    public long PackedBytes => _weight.Bytes;

    public void Run(int rows, Slice x, Slice y, Slice? residual)
    {
        using var strips = _backend.Allocate(CpuProduct<T>.StripFloats(rows, K));
        float* packed = CpuBackend.Pointer(strips.All);
        CpuProduct<T>.PackStrips(_backend.Team, CpuBackend.Pointer(x), K, 1, rows, K, 1, packed);
        CpuProduct<T>.Run(_backend.Team, rows, N, K, packed, _panels, _bias.Pointer,
            residual is { } r ? CpuBackend.Pointer(r) : null, CpuBackend.Pointer(y), Activation);
    }

    public override void Dispose()
    {
        _weight.Dispose();
        _bias.Dispose();
    }
}
