using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.MatrixProduct;

// Linear layers y (rows,N) = act(x (rows,K) w^T + b + residual) and products c = alpha op(a) op(b), row-major, fp32.
//   V1 Naive   one thread per result, both factors from global memory. Baseline for study.
//   V2 Tiled   GemmKernels with 64x64 or 128x128 blocks; the weight of a linear layer is packed (K,N) once. <- default
//   V3 Tensor  TensorGemmKernels: factors rounded to Tf32, Fp16 or Bf16, sums FP32. When the backend's precision allows it.
internal static class MatrixKernels
{
    /// <summary>One thread computes c[batch,m,n]; strides of 1 and ld say which operand is transposed.</summary>
    public static void Naive(NaiveMatrixArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Outputs)
        {
            return;
        }
        int n = i % args.N, m = i / args.N % args.M, batch = i / (args.M * args.N);
        int a = batch * args.BatchA + m * args.RowA, b = batch * args.BatchB + n * args.ColumnB;
        float sum = 0;
        for (int k = 0; k < args.K; k++)
        {
            sum += args.A[a + k * args.ColumnA] * args.B[b + k * args.RowB];
        }
        args.C[batch * args.BatchC + m * args.N + n] = args.Alpha * sum;
    }

    /// <summary>One thread computes y[row,n]; w is (K, RowLength), packed.</summary>
    public static void NaiveLinear<TActivation>(NaiveLinearArgs args) where TActivation : struct, IGpuActivation
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Outputs)
        {
            return;
        }
        int n = i % args.N, row = i / args.N;
        float sum = args.Bias[n];
        for (int k = 0; k < args.K; k++)
        {
            sum += args.X[row * args.K + k] * args.Weight[k * args.RowLength + n];
        }
        if (args.HasResidual != 0)
        {
            sum += args.Residual[i];
        }
        args.Y[i] = TActivation.Apply(sum);
    }

    public static GpuKernel<NaiveMatrixArgs> NaiveKernel { get; } = new(Naive);

    public static GpuKernel<NaiveLinearArgs>[] NaiveLinearKernels { get; } =
    [
        new(NaiveLinear<GpuIdentity>), new(NaiveLinear<GpuRelu>), new(NaiveLinear<GpuQuickGelu>), new(NaiveLinear<GpuGelu>),
        new(NaiveLinear<GpuSigmoid>),
    ];

    public static GemmFamily<ColumnsOperand, PackedOperand, LinearStore> Linear { get; } = new();

    /// <summary>a b</summary>
    public static GemmFamily<ColumnsOperand, RowsOperand, ProductStore> Plain { get; } = new(activations: false);

    /// <summary>a b^T</summary>
    public static GemmFamily<ColumnsOperand, ColumnsOperand, ProductStore> TransposedB { get; } = new(activations: false);

    /// <summary>a^T b</summary>
    public static GemmFamily<RowsOperand, RowsOperand, ProductStore> TransposedA { get; } = new(activations: false);

    /// <summary>a^T b^T</summary>
    public static GemmFamily<RowsOperand, ColumnsOperand, ProductStore> TransposedBoth { get; } = new(activations: false);

    public static TensorFamily<ColumnsOperand, TensorWeightsOperand, LinearStore> TensorLinear { get; } = new();

    /// <summary>a b</summary>
    public static TensorFamily<ColumnsOperand, RowsOperand, ProductStore> TensorPlain { get; } = new(activations: false);

    /// <summary>a b^T</summary>
    public static TensorFamily<ColumnsOperand, ColumnsOperand, ProductStore> TensorTransposedB { get; } = new(activations: false);

    /// <summary>a^T b</summary>
    public static TensorFamily<RowsOperand, RowsOperand, ProductStore> TensorTransposedA { get; } = new(activations: false);

    /// <summary>a^T b^T</summary>
    public static TensorFamily<RowsOperand, ColumnsOperand, ProductStore> TensorTransposedBoth { get; } = new(activations: false);

    public static IEnumerable<GpuKernel> All =>
        [NaiveKernel, .. NaiveLinearKernels, .. Linear.Kernels, .. Plain.Kernels, .. TransposedB.Kernels,
            .. TransposedA.Kernels, .. TransposedBoth.Kernels, .. TensorLinear.Kernels, .. TensorPlain.Kernels,
            .. TensorTransposedB.Kernels, .. TensorTransposedA.Kernels, .. TensorTransposedBoth.Kernels];
}

/// <summary>Arguments of <see cref="MatrixKernels.Naive"/>.</summary>
internal struct NaiveMatrixArgs
{
    public ArrayView<float> A, B, C;
    public int Outputs, M, N, K, RowA, ColumnA, RowB, ColumnB, BatchA, BatchB, BatchC;
    public float Alpha;
}

/// <summary>Arguments of <see cref="MatrixKernels.NaiveLinear{TActivation}"/>.</summary>
internal struct NaiveLinearArgs
{
    public ArrayView<float> X, Weight, Bias, Residual, Y;
    public int HasResidual, Outputs, N, K, RowLength;
}

/// <summary>Tiles of (rows, N) with a bias a column.</summary>
internal struct LinearStore : IGemmStore, ITileStore
{
    public ArrayView<float> Y, Residual, Bias;
    public int HasResidual, M, N;

    /// <summary>1 when four results of a row may be loaded and stored at once.</summary>
    public int Vector;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store<TActivation>(int batch, int m, int n, Tile4x4 tile) where TActivation : struct, IGpuActivation =>
        Store(default(GpuActivate<TActivation>), batch, m, n, tile);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store<TFunction>(TFunction function, int batch, int m, int n, Tile4x4 tile)
        where TFunction : struct, IGpuUnary
    {
        Row(function, m, n, tile.Row0);
        Row(function, m + 1, n, tile.Row1);
        Row(function, m + 2, n, tile.Row2);
        Row(function, m + 3, n, tile.Row3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Row<TFunction>(TFunction function, int m, int n, Float4 v)
        where TFunction : struct, IGpuUnary
    {
        if (m < M && n < N)
        {
            int at = m * N + n;
            var r = default(Float4);
            if (HasResidual != 0)
            {
                r = TileRow.Load(Residual, at, N - n, Vector);
            }
            var b = TileRow.Load(Bias, n, N - n, Vector);
            TileRow.Store(Y, at, N - n, Vector, new Float4(function.Apply(v.X + b.X + r.X),
                function.Apply(v.Y + b.Y + r.Y), function.Apply(v.Z + b.Z + r.Z), function.Apply(v.W + b.W + r.W)));
        }
    }
}

/// <summary>Tiles of (M, N), scaled.</summary>
internal struct ProductStore : IGemmStore, ITileStore
{
    public ArrayView<float> C;
    public float Alpha;
    public int M, N, BatchLength;

    /// <summary>1 when four results of a row may be stored at once.</summary>
    public int Vector;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store<TActivation>(int batch, int m, int n, Tile4x4 tile) where TActivation : struct, IGpuActivation =>
        Store(default(GpuActivate<TActivation>), batch, m, n, tile);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store<TFunction>(TFunction function, int batch, int m, int n, Tile4x4 tile)
        where TFunction : struct, IGpuUnary
    {
        Row(batch, m, n, tile.Row0);
        Row(batch, m + 1, n, tile.Row1);
        Row(batch, m + 2, n, tile.Row2);
        Row(batch, m + 3, n, tile.Row3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Row(int batch, int m, int n, Float4 v)
    {
        if (m < M && n < N)
        {
            TileRow.Store(C, batch * BatchLength + m * N + n, N - n, Vector,
                new Float4(Alpha * v.X, Alpha * v.Y, Alpha * v.Z, Alpha * v.W));
        }
    }
}
