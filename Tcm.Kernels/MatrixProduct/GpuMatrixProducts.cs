using ILGPU;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.HalfImages;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>Rungs of the ladder in <see cref="MatrixKernels"/>.</summary>
internal enum GpuMatrixVersion
{
    /// <summary>V3 in the backend's precision; for FP32 V2 with the block that fits the shape.</summary>
    Auto,
    /// <summary>V1.</summary>
    Naive,
    /// <summary>V2 with 64x64 blocks.</summary>
    Tile64,
    /// <summary>V2 with 128x128 blocks.</summary>
    Tile128,
    /// <summary>V3, factors rounded to TF32.</summary>
    Tf32,
    /// <summary>V3, factors rounded to half precision.</summary>
    Fp16,
    /// <summary>V3, factors rounded to bfloat16.</summary>
    Bf16,
}

internal sealed class GpuMatrixProducts(GpuBackend backend) : MatrixProducts
{
    /// <summary>The version of products, and of weights prepared from now on; for the ladder benchmark and the tests.</summary>
    public GpuMatrixVersion Version { get; set; }

    /// <summary>
    /// Tile of V3, and of rows in half precision, -1 to choose by shape; the latter know
    /// <see cref="HalfGemmKernels.NoTile"/>, too. For the ladder benchmark and the tests.
    /// </summary>
    public int TensorTile { get; set; } = -1;

    private Precision Precision => Version switch
    {
        GpuMatrixVersion.Auto => backend.Precision,
        GpuMatrixVersion.Tf32 => Precision.Tf32,
        GpuMatrixVersion.Fp16 => Precision.Fp16,
        GpuMatrixVersion.Bf16 => Precision.Bf16,
        _ => Precision.Fp32,
    };

    private int Side => Version switch
    {
        GpuMatrixVersion.Tile64 => 64,
        GpuMatrixVersion.Tile128 => 128,
        _ => 0,
    };

    private protected override PreparedMatrix PrepareCore(int n, int k, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias,
        Activation activation) => Precision == Precision.Fp32
        ? new GpuMatrix(backend, n, k, weight, bias, activation)
        : new TensorMatrix(backend, Precision, n, k, weight, bias, activation);

    private protected override void LinearCore(PreparedMatrix matrix, int rows, Slice x, Slice y, Slice? residual)
    {
        if (matrix is TensorMatrix tensor)
        {
            TensorLinear(tensor, rows, x, y, residual);
            return;
        }
        var weights = ((GpuMatrix)matrix).Weights;
        int n = matrix.N, k = matrix.K;
        ArrayView<float> xView = GpuBackend.View(x), yView = GpuBackend.View(y), skip = GpuBackend.View(residual ?? y);
        int hasResidual = residual is null ? 0 : 1;
        if (Version == GpuMatrixVersion.Naive)
        {
            var kernel = MatrixKernels.NaiveLinearKernels[(int)matrix.Activation];
            backend.Launch(kernel, ((long)rows * n + kernel.GroupSize - 1) / kernel.GroupSize, new NaiveLinearArgs
            {
                X = xView,
                Weight = weights.Operand.Values.Cast<float>(),
                Bias = weights.Bias,
                Residual = skip,
                Y = yView,
                HasResidual = hasResidual,
                Outputs = rows * n,
                N = n,
                K = k,
                RowLength = weights.Operand.RowLength * 4,
            });
            return;
        }
        MatrixKernels.Linear.Launch(backend, matrix.Activation, new()
        {
            A = Columns(xView, k, rows, 0, k % 4 == 0 && x.Offset % 4 == 0),
            B = weights.Operand,
            C = Store(weights.Bias, rows, n, y, residual),
            K = k,
        }, rows, n, 1, Side);
    }

    private void TensorLinear(TensorMatrix matrix, int rows, Slice x, Slice y, Slice? residual)
    {
        int n = matrix.N, k = matrix.K;
        MatrixKernels.TensorLinear.Launch(backend, matrix.Weights.Precision, matrix.Activation, new()
        {
            A = Columns(GpuBackend.View(x), k, rows, 0, k % 4 == 0 && x.Offset % 4 == 0),
            B = matrix.Weights.Operand,
            C = Store(matrix.Weights.Bias, rows, n, y, residual),
        }, rows, n, k, 1, TensorTile);
    }

    /// <summary>Rows in half precision, their channels rounded up to eight, in and out.</summary>
    internal void HalfLinear(PreparedMatrix matrix, int rows, Slice x, Slice y, Slice? residual)
    {
        Check.That(matrix is TensorMatrix { Weights.Precision: Precision.Fp16 }, $"Linear: rows in half precision, but not the weight");
        var weights = ((TensorMatrix)matrix).Weights;
        HalfGemmKernels.Pixels.Launch(backend, weights, new()
        {
            A = HalfConvolution.RowsOperand(x, rows, matrix.K),
            C = HalfConvolution.Store(y, residual, weights.Bias.Cast<Float4>(), rows, matrix.N),
        }, matrix.Activation, rows, matrix.N, TensorTile);
    }

    private static LinearStore Store(ArrayView<float> bias, int rows, int n, Slice y, Slice? residual) => new()
    {
        Y = GpuBackend.View(y),
        Residual = GpuBackend.View(residual ?? y),
        Bias = bias,
        HasResidual = residual is null ? 0 : 1,
        M = rows,
        N = n,
        Vector = n % 4 == 0 && (y.Offset | (residual?.Offset ?? 0)) % 4 == 0 ? 1 : 0,
    };

    private protected override void MultiplyCore(MatrixShape shape, Slice a, Slice b, Slice c, float alpha)
    {
        var (m, n, k) = (shape.M, shape.N, shape.K);
        // The strides of a single matrix are never used, but they must fit 32 bits.
        int strideA = Stride(shape, shape.StrideA), strideB = Stride(shape, shape.StrideB);
        int strideC = Stride(shape, shape.StrideC);
        ArrayView<float> aView = GpuBackend.View(a), bView = GpuBackend.View(b), cView = GpuBackend.View(c);
        if (Version == GpuMatrixVersion.Naive)
        {
            Naive(shape, aView, bView, cView, (strideA, strideB, strideC), alpha);
            return;
        }
        var store = new ProductStore
        {
            C = cView,
            Alpha = alpha,
            M = m,
            N = n,
            BatchLength = strideC,
            Vector = n % 4 == 0 && (c.Offset | (uint)strideC) % 4 == 0 ? 1 : 0,
        };
        bool Aligned(int width, Slice slice, int stride) => width % 4 == 0 && (slice.Offset | (uint)stride) % 4 == 0;
        var aColumns = Columns(aView, k, m, strideA, Aligned(k, a, strideA));
        var aRows = Rows(aView, k, m, strideA, Aligned(m, a, strideA));
        var bColumns = Columns(bView, k, n, strideB, Aligned(k, b, strideB));
        var bRows = Rows(bView, k, n, strideB, Aligned(n, b, strideB));
        var precision = Precision;
        if (precision != Precision.Fp32)
        {
            switch (shape.TransposeA, shape.TransposeB)
            {
                case (false, false):
                    MatrixKernels.TensorPlain.Launch(backend, precision, Activation.None,
                        new() { A = aColumns, B = bRows, C = store }, m, n, k, shape.Batch, TensorTile);
                    break;
                case (false, true):
                    MatrixKernels.TensorTransposedB.Launch(backend, precision, Activation.None,
                        new() { A = aColumns, B = bColumns, C = store }, m, n, k, shape.Batch, TensorTile);
                    break;
                case (true, false):
                    MatrixKernels.TensorTransposedA.Launch(backend, precision, Activation.None,
                        new() { A = aRows, B = bRows, C = store }, m, n, k, shape.Batch, TensorTile);
                    break;
                default:
                    MatrixKernels.TensorTransposedBoth.Launch(backend, precision, Activation.None,
                        new() { A = aRows, B = bColumns, C = store }, m, n, k, shape.Batch, TensorTile);
                    break;
            }
            return;
        }
        switch (shape.TransposeA, shape.TransposeB)
        {
            case (false, false):
                MatrixKernels.Plain.Launch(backend, Activation.None,
                    new() { A = aColumns, B = bRows, C = store, K = k }, m, n, shape.Batch, Side);
                break;
            case (false, true):
                MatrixKernels.TransposedB.Launch(backend, Activation.None,
                    new() { A = aColumns, B = bColumns, C = store, K = k }, m, n, shape.Batch, Side);
                break;
            case (true, false):
                MatrixKernels.TransposedA.Launch(backend, Activation.None,
                    new() { A = aRows, B = bRows, C = store, K = k }, m, n, shape.Batch, Side);
                break;
            default:
                MatrixKernels.TransposedBoth.Launch(backend, Activation.None,
                    new() { A = aRows, B = bColumns, C = store, K = k }, m, n, shape.Batch, Side);
                break;
        }
    }

    private void Naive(MatrixShape shape, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c,
        (int A, int B, int C) strides, float alpha)
    {
        var kernel = MatrixKernels.NaiveKernel;
        long outputs = (long)shape.Batch * shape.M * shape.N;
        Check.That(outputs <= int.MaxValue, $"MatMul: {outputs} results exceed what one operation can address");
        backend.Launch(kernel, (outputs + kernel.GroupSize - 1) / kernel.GroupSize, new NaiveMatrixArgs
        {
            A = a,
            B = b,
            C = c,
            Outputs = (int)outputs,
            M = shape.M,
            N = shape.N,
            K = shape.K,
            RowA = shape.TransposeA ? 1 : shape.K,
            ColumnA = shape.TransposeA ? shape.M : 1,
            RowB = shape.TransposeB ? 1 : shape.N,
            ColumnB = shape.TransposeB ? shape.K : 1,
            BatchA = strides.A,
            BatchB = strides.B,
            BatchC = strides.C,
            Alpha = alpha,
        });
    }

    private static int Stride(MatrixShape shape, long stride) => shape.Batch == 1 ? 0 : checked((int)stride);

    private static ColumnsOperand Columns(ArrayView<float> values, int k, int columns, int batchLength, bool aligned) => new()
    {
        Values = values,
        K = k,
        Columns = columns,
        ColumnLength = k,
        BatchLength = batchLength,
        Vector = aligned ? 1 : 0,
    };

    private static RowsOperand Rows(ArrayView<float> values, int k, int columns, int batchLength, bool aligned) => new()
    {
        Values = values,
        K = k,
        Columns = columns,
        RowLength = columns,
        BatchLength = batchLength,
        Vector = aligned ? 1 : 0,
    };

    private sealed class GpuMatrix : PreparedMatrix
    {
        public GpuMatrix(GpuBackend backend, int n, int k, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias,
            Activation activation) : base(n, k, activation)
        {
            float[] w = weight.ToArray();
            Weights = new PackedWeights(backend, 1, n, k, bias, n, (_, j, i) => w[j * k + i]);
        }

        public PackedWeights Weights { get; }

        public override void Dispose() => Weights.Dispose();
    }

    private sealed class TensorMatrix : PreparedMatrix
    {
        public TensorMatrix(GpuBackend backend, Precision precision, int n, int k, ReadOnlySpan<float> weight,
            ReadOnlySpan<float> bias, Activation activation) : base(n, k, activation)
        {
            float[] w = weight.ToArray(), b = bias.ToArray();
            // Rows in half precision take it eight values at a time.
            Array.Resize(ref b, (n + 7) / 8 * 8);
            Weights = new TensorWeights(backend, precision, 1, n, k, b, b.Length, (_, j, i) => w[j * k + i]);
        }

        public TensorWeights Weights { get; }

        public override void Dispose() => Weights.Dispose();
    }
}
