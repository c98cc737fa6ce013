using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Convolution;

// Conv2d forward, NCHW, fp32.
//   y[n,k,p,q] = act(b[k] + residual[n,k,p,q] + sum over c,r,s of x[n, c, p*stride-pad+r, q*stride-pad+s] * w[k,c,r,s])
//   V1 Naive         one thread per output, weights as PyTorch stores them. Baseline for study; serves filters that the
//                    tiles cannot describe (a side above 31).
//   V2 ImplicitGemm  Y (K x P*Q) = W (K x C*R*S) * im2col(X), never stored: patches are gathered straight into the slabs of
//                    GemmKernels (64x64 or 128x128 blocks), weights are packed once, bias, residual and activation run in
//                    the epilogue. 1x1 stride 1 reads images as matrices. <- default
//   V3 Tensor cores  the same implicit GEMM in TensorGemmKernels: factors rounded to Tf32, Fp16 or Bf16 on the way into
//                    shared memory, sums FP32. Only when the backend's precision allows it.
//   V4 Half images   HalfGemmKernels: images stay in half precision with their channels last between the layers of a network
//                    (Tcm.Kernels/HalfImages). <- default at inference in Fp16
//   Depthwise        one thread per output, one group stays in one plane so that its weights are broadcast.
//   Transposed2x2    GEMM with 4K rows (k,a,b) whose epilogue shuffles pixels: row 4k+2a+b, column (h,w) -> y[k,2h+a,2w+b].
internal static class Conv2dKernels
{
    public const int MaxSide = 31;

    /// <summary>x (N,C,H,W), w (K,C/G,R,S), y images YImageStride apart. One thread computes y[n,k,p,q].</summary>
    public static void Naive<TActivation>(DirectConvArgs args) where TActivation : struct, IGpuActivation
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Outputs)
        {
            return;
        }
        int q = i % args.Q, p = i / args.Q % args.P, plane = i / (args.P * args.Q);
        int k = plane % args.Filters, n = plane / args.Filters;
        int firstChannel = k / args.GroupFilters * args.GroupChannels;
        float sum = 0;
        int weight = k * args.GroupChannels * args.R * args.S;
        for (int c = 0; c < args.GroupChannels; c++)
        {
            int source = (n * args.Channels + firstChannel + c) * args.H * args.W;
            for (int r = 0; r < args.R; r++)
            {
                int h = p * args.Stride - args.Padding + r;
                for (int s = 0; s < args.S; s++, weight++)
                {
                    int w = q * args.Stride - args.Padding + s;
                    if ((uint)h < (uint)args.H && (uint)w < (uint)args.W)
                    {
                        sum += args.X[source + h * args.W + w] * args.Weight[weight];
                    }
                }
            }
        }
        Finish<TActivation>(args, n, k, i - plane * args.P * args.Q, sum);
    }

    /// <summary>C = K = Groups. The grid is (planes) x (tiles of a plane).</summary>
    public static void Depthwise<TActivation>(DirectConvArgs args) where TActivation : struct, IGpuActivation
    {
        int tiles = (args.P * args.Q + Group.DimX - 1) / Group.DimX;
        int plane = Grid.IdxX / tiles;
        int pixel = (Grid.IdxX - plane * tiles) * Group.DimX + Group.IdxX;
        if (pixel >= args.P * args.Q)
        {
            return;
        }
        int k = plane % args.Filters, n = plane / args.Filters;
        int h0 = pixel / args.Q * args.Stride - args.Padding, w0 = pixel % args.Q * args.Stride - args.Padding;
        int source = plane * args.H * args.W, weight = k * args.R * args.S;
        float sum = 0;
        for (int r = 0; r < args.R; r++)
        {
            int h = h0 + r;
            for (int s = 0; s < args.S; s++, weight++)
            {
                int w = w0 + s;
                if ((uint)h < (uint)args.H && (uint)w < (uint)args.W)
                {
                    sum += args.X[source + h * args.W + w] * args.Weight[weight];
                }
            }
        }
        Finish<TActivation>(args, n, k, pixel, sum);
    }

    /// <summary>x (N,C,H,W), w (C,K,2,2), y (N,K,2H,2W). One thread computes one output; P, Q are the output's size.</summary>
    public static void NaiveTransposed<TActivation>(DirectConvArgs args) where TActivation : struct, IGpuActivation
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Outputs)
        {
            return;
        }
        int q = i % args.Q, p = i / args.Q % args.P, plane = i / (args.P * args.Q);
        int k = plane % args.Filters, n = plane / args.Filters;
        float sum = 0;
        for (int c = 0; c < args.Channels; c++)
        {
            sum += args.X[((n * args.Channels + c) * args.H + p / 2) * args.W + q / 2]
                * args.Weight[(c * args.Filters + k) * 4 + p % 2 * 2 + q % 2];
        }
        Finish<TActivation>(args, n, k, i - plane * args.P * args.Q, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TActivation>(DirectConvArgs args, int n, int k, int pixel, float sum)
        where TActivation : struct, IGpuActivation
    {
        int plane = args.P * args.Q;
        sum += args.HasBias != 0 ? args.Bias[k] : 0;
        if (args.HasResidual != 0)
        {
            sum += args.Residual[(n * args.Filters + k) * plane + pixel];
        }
        args.Y[n * args.YImageStride + k * plane + pixel] = TActivation.Apply(sum);
    }

    public static GemmFamily<PackedOperand, Im2colOperand, ConvStore> ImplicitGemm { get; } = new();

    public static GemmFamily<PackedOperand, RowsOperand, ConvStore> Pointwise { get; } = new();

    public static GemmFamily<PackedOperand, RowsOperand, PixelShuffleStore> Transposed { get; } = new();

    public static TensorFamily<TensorWeightsOperand, Im2colOperand, ConvStore> TensorImplicitGemm { get; } = new();

    public static TensorFamily<TensorWeightsOperand, RowsOperand, ConvStore> TensorPointwise { get; } = new();

    public static TensorFamily<TensorWeightsOperand, RowsOperand, PixelShuffleStore> TensorTransposed { get; } = new();

    public static GpuKernel<DirectConvArgs>[] NaiveKernels { get; } =
        [new(Naive<GpuIdentity>), new(Naive<GpuRelu>), new(Naive<GpuQuickGelu>), new(Naive<GpuGelu>), new(Naive<GpuSigmoid>)];

    public static GpuKernel<DirectConvArgs>[] DepthwiseKernels { get; } =
    [
        new(Depthwise<GpuIdentity>), new(Depthwise<GpuRelu>), new(Depthwise<GpuQuickGelu>), new(Depthwise<GpuGelu>),
        new(Depthwise<GpuSigmoid>),
    ];

    public static GpuKernel<DirectConvArgs>[] NaiveTransposedKernels { get; } =
    [
        new(NaiveTransposed<GpuIdentity>), new(NaiveTransposed<GpuRelu>), new(NaiveTransposed<GpuQuickGelu>),
        new(NaiveTransposed<GpuGelu>), new(NaiveTransposed<GpuSigmoid>),
    ];

    public static IEnumerable<GpuKernel> All =>
        [.. NaiveKernels, .. DepthwiseKernels, .. NaiveTransposedKernels, .. ImplicitGemm.Kernels, .. Pointwise.Kernels,
            .. Transposed.Kernels, .. TensorImplicitGemm.Kernels, .. TensorPointwise.Kernels, .. TensorTransposed.Kernels];
}

/// <summary>Arguments of the kernels that compute one output a thread.</summary>
internal struct DirectConvArgs
{
    public ArrayView<float> X, Weight, Bias, Residual, Y;
    public int HasBias, HasResidual, Outputs, Channels, Filters, GroupChannels, GroupFilters;
    public int H, W, R, S, Stride, Padding, P, Q, YImageStride;

    /// <summary>Everything but the operands.</summary>
    public static DirectConvArgs Of(Conv2dFilter f, ImageBatch input, int p, int q, long outputs)
    {
        Check.That(outputs <= int.MaxValue, $"Conv2d: {outputs} outputs exceed what one operation can address");
        return new DirectConvArgs
        {
            Outputs = (int)outputs,
            Channels = f.C,
            Filters = f.K,
            GroupChannels = f.C / f.Groups,
            GroupFilters = f.K / f.Groups,
            H = input.H,
            W = input.W,
            R = f.R,
            S = f.S,
            Stride = f.Stride,
            Padding = f.Padding,
            P = p,
            Q = q,
        };
    }
}

/// <summary>
/// The patches of an image as a (C*R*S, P*Q) matrix, gathered on the fly: thread = (row / 4) * 64 + column takes rows
/// t, t+4, t+8, t+12 of its column, so that neighbours read neighbouring pixels.
/// </summary>
internal struct Im2colOperand : IGemmOperand, ITensorOperand
{
    public ArrayView<float> X;

    /// <summary>For each row of the matrix c &lt;&lt; 10 | r &lt;&lt; 5 | s; -1 in the padding of <see cref="FilterTaps"/>.</summary>
    public ArrayView<int> Taps;

    /// <summary>Floats of one group's channels of one image; batch = image * groups + group.</summary>
    public int BatchLength;

    public int H, W, Q, Pixels, Stride, Padding;

    public static bool AlongK => false;

    public static bool Packed => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Start(int batch, int column, int thread)
    {
        int pixel = column + thread % 64;
        return new Cursor
        {
            Offset = batch * BatchLength,
            // A row outside every image stands for a column outside the matrix.
            H = pixel < Pixels ? pixel / Q * Stride - Padding : -0x10000000,
            W = pixel % Q * Stride - Padding,
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Fetch(Cursor cursor, int k0, int thread)
    {
        int k = k0 + thread / 64;
        return new Float4(Gather(cursor, Taps[k]), Gather(cursor, Taps[k + 4]), Gather(cursor, Taps[k + 8]),
            Gather(cursor, Taps[k + 12]));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(ArrayView<Float4> slab, int thread, Float4 value)
    {
        var floats = slab.Cast<float>();
        int at = thread / 64 * Slab.Stride + thread % 64;
        floats[at] = value.X;
        floats[at + 4 * Slab.Stride] = value.Y;
        floats[at + 8 * Slab.Stride] = value.Z;
        floats[at + 12 * Slab.Stride] = value.W;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Row(int batch, int row) => Start(batch, row, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Four(Cursor cursor, int k) =>
        new(Gather(cursor, Taps[k]), Gather(cursor, Taps[k + 1]), Gather(cursor, Taps[k + 2]), Gather(cursor, Taps[k + 3]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Copy<TCore>(TensorGroup group, int to, Cursor cursor, int chunk) where TCore : struct, ITensorCore { }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly float Gather(Cursor cursor, int tap)
    {
        int h = cursor.H + (tap >> 5 & 31), w = cursor.W + (tap & 31);
        float value = 0;
        if (tap >= 0 && (uint)h < (uint)H && (uint)w < (uint)W)
        {
            value = X[cursor.Offset + ((tap >> 10) * H + h) * W + w];
        }
        return value;
    }
}

/// <summary>Tiles of (K/Groups, P*Q) into y (N,K,P,Q), images YImageStride apart.</summary>
internal struct ConvStore : IGemmStore, ITileStore
{
    public ArrayView<float> Y, Residual, Bias;
    public int HasBias, HasResidual, M, N, Groups, YImageStride;

    /// <summary>1 when four outputs of a row may be loaded and stored at once.</summary>
    public int Vector;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store<TActivation>(int batch, int m, int n, Tile4x4 tile) where TActivation : struct, IGpuActivation =>
        Store(default(GpuActivate<TActivation>), batch, m, n, tile);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store<TFunction>(TFunction function, int batch, int m, int n, Tile4x4 tile)
        where TFunction : struct, IGpuUnary
    {
        Row(function, batch, m, n, tile.Row0);
        Row(function, batch, m + 1, n, tile.Row1);
        Row(function, batch, m + 2, n, tile.Row2);
        Row(function, batch, m + 3, n, tile.Row3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Row<TFunction>(TFunction function, int batch, int m, int n, Float4 v)
        where TFunction : struct, IGpuUnary
    {
        if (m < M && n < N)
        {
            int image = batch / Groups;
            int k = batch % Groups * M + m;
            int at = image * YImageStride + k * N + n;
            int residual = (image * Groups * M + k) * N + n;
            var r = default(Float4);
            if (HasResidual != 0)
            {
                r = TileRow.Load(Residual, residual, N - n, Vector);
            }
            float bias = HasBias != 0 ? Bias[k] : 0;
            TileRow.Store(Y, at, N - n, Vector, new Float4(function.Apply(v.X + bias + r.X),
                function.Apply(v.Y + bias + r.Y), function.Apply(v.Z + bias + r.Z), function.Apply(v.W + bias + r.W)));
        }
    }
}

/// <summary>Tiles of (4K, H*W) with rows (k,a,b) into y[n,k,2h+a,2w+b]: the four rows of a tile are one filter.</summary>
internal struct PixelShuffleStore : IGemmStore, ITileStore
{
    public ArrayView<float> Y, Residual, Bias;
    public int HasBias, HasResidual, K, N, W, YImageStride;

    /// <summary>1 when pairs of outputs may be stored at once.</summary>
    public int Vector;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store<TActivation>(int batch, int m, int n, Tile4x4 tile) where TActivation : struct, IGpuActivation =>
        Store(default(GpuActivate<TActivation>), batch, m, n, tile);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store<TFunction>(TFunction function, int batch, int m, int n, Tile4x4 tile)
        where TFunction : struct, IGpuUnary
    {
        Pixel(function, batch, m / 4, n, tile.Row0.X, tile.Row1.X, tile.Row2.X, tile.Row3.X);
        Pixel(function, batch, m / 4, n + 1, tile.Row0.Y, tile.Row1.Y, tile.Row2.Y, tile.Row3.Y);
        Pixel(function, batch, m / 4, n + 2, tile.Row0.Z, tile.Row1.Z, tile.Row2.Z, tile.Row3.Z);
        Pixel(function, batch, m / 4, n + 3, tile.Row0.W, tile.Row1.W, tile.Row2.W, tile.Row3.W);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Pixel<TFunction>(TFunction function, int batch, int k, int n, float v00, float v01, float v10, float v11)
        where TFunction : struct, IGpuUnary
    {
        if (k < K && n < N)
        {
            int corner = k * 4 * N + n / W * 4 * W + n % W * 2; // (k, 2h, 2w) of planes of 4 N
            Pair(function, batch, k, corner, v00, v01);
            Pair(function, batch, k, corner + 2 * W, v10, v11);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Pair<TFunction>(TFunction function, int batch, int k, int corner, float left, float right)
        where TFunction : struct, IGpuUnary
    {
        if (HasBias != 0)
        {
            left += Bias[k];
            right += Bias[k];
        }
        if (HasResidual != 0)
        {
            int residual = batch * K * 4 * N + corner;
            left += Residual[residual];
            right += Residual[residual + 1];
        }
        int at = batch * YImageStride + corner;
        if (Vector != 0)
        {
            Y.Cast<Float2>()[at / 2] = new Float2(function.Apply(left), function.Apply(right));
        }
        else
        {
            Y[at] = function.Apply(left);
            Y[at + 1] = function.Apply(right);
        }
    }
}
