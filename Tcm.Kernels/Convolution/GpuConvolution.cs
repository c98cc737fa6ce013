using ILGPU;
using ILGPU.Runtime;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.HalfImages;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Convolution;

/// <summary>Rungs of the ladder in <see cref="Conv2dKernels"/>.</summary>
internal enum GpuConvolutionVersion
{
    /// <summary>The fastest that serves the filter in the backend's precision.</summary>
    Auto,
    /// <summary>V1.</summary>
    Naive,
    /// <summary>V2 with 64x64 blocks.</summary>
    Gemm64,
    /// <summary>V2 with 128x128 blocks.</summary>
    Gemm128,
    /// <summary>V3, factors rounded to TF32.</summary>
    Tf32,
    /// <summary>V3, factors rounded to half precision.</summary>
    Fp16,
    /// <summary>V3, factors rounded to bfloat16.</summary>
    Bf16,
    /// <summary>V4, images in half precision with their channels last, without tiles.</summary>
    HalfNaive,
    /// <summary>V4.</summary>
    Half,
}

internal sealed partial class GpuConvolution(GpuBackend backend) : Convolution2d
{
    /// <summary>The version of convolutions prepared, or run in training, from now on; for the ladder benchmark and the tests.</summary>
    public GpuConvolutionVersion Version { get; set; }

    /// <summary>Tile of V3, negative to choose by shape; for the ladder benchmark and the tests.</summary>
    public int TensorTile { get; set; } = -1;

    private int HalfTile => Version == GpuConvolutionVersion.HalfNaive ? HalfGemmKernels.NoTile : TensorTile;

    private bool InHalf => Version is GpuConvolutionVersion.HalfNaive or GpuConvolutionVersion.Half
        || (Version == GpuConvolutionVersion.Auto && backend.HalfImages is not null);

    private Precision Precision => Version switch
    {
        GpuConvolutionVersion.Auto => backend.Precision,
        GpuConvolutionVersion.Half or GpuConvolutionVersion.HalfNaive => Precision.Fp16,
        GpuConvolutionVersion.Tf32 => Precision.Tf32,
        GpuConvolutionVersion.Fp16 => Precision.Fp16,
        GpuConvolutionVersion.Bf16 => Precision.Bf16,
        _ => Precision.Fp32,
    };

    private protected override PreparedConvolution PrepareCore(Conv2dFilter filter, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, Activation activation)
    {
        if (InHalf && HalfConvolution.Serves(filter))
        {
            return new HalfConvolution(backend, filter, false, activation, weight, bias, HalfTile);
        }
        bool depthwise = filter.Groups == filter.C && filter.Groups == filter.K && filter.Groups > 1;
        // Tiles waste most of their rows on groups with a few filters; they cannot describe huge filters.
        bool direct = Version == GpuConvolutionVersion.Naive || filter.R > Conv2dKernels.MaxSide
            || filter.S > Conv2dKernels.MaxSide || (filter.Groups > 1 && filter.K / filter.Groups < 8);
        return depthwise && Version == GpuConvolutionVersion.Auto
            ? new DirectConvolution(backend, filter, false, activation, weight, bias, Conv2dKernels.DepthwiseKernels)
            : direct
            ? new DirectConvolution(backend, filter, false, activation, weight, bias, Conv2dKernels.NaiveKernels)
            : Precision != Precision.Fp32
            ? new TensorConvolution(backend, Precision, filter, activation, weight, bias, TensorTile)
            : new GemmConvolution(backend, filter, activation, weight, bias, Side);
    }

    private protected override PreparedConvolution PrepareTransposedCore(int c, int k, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, Activation activation)
    {
        var filter = new Conv2dFilter(c, k, 2, 2, 2);
        if (InHalf)
        {
            return new HalfConvolution(backend, filter, true, activation, weight, bias, HalfTile);
        }
        return Version == GpuConvolutionVersion.Naive
            ? new DirectConvolution(backend, filter, true, activation, weight, bias, Conv2dKernels.NaiveTransposedKernels)
            : Precision != Precision.Fp32
            ? new TensorTransposedConvolution(backend, Precision, filter, activation, weight, bias, TensorTile)
            : new TransposedConvolution(backend, filter, activation, weight, bias, Side);
    }

    private protected override void RunCore(PreparedConvolution convolution, ImageBatch input, Slice x, Slice y,
        Slice? residual, long yImageStride)
    {
        var (p, q) = convolution.OutputSize(input.H, input.W);
        // With one image the stride is never used, but it must fit 32 bits.
        int stride = input.N == 1 ? 0 : checked((int)yImageStride);
        ((GpuPreparedConvolution)convolution).Run(new ConvolutionCall(input, p, q, x, y, residual, stride));
    }

    private int Side => Version switch
    {
        GpuConvolutionVersion.Gemm64 => 64,
        GpuConvolutionVersion.Gemm128 => 128,
        _ => 0,
    };
}

/// <summary>One call of a prepared convolution.</summary>
internal readonly record struct ConvolutionCall(ImageBatch Input, int P, int Q, Slice X, Slice Y, Slice? Residual,
    int YImageStride)
{
    public ArrayView<float> XView => GpuBackend.View(X);

    public ArrayView<float> YView => GpuBackend.View(Y);

    /// <summary>The residual, or any valid view when there is none.</summary>
    public ArrayView<float> ResidualView => GpuBackend.View(Residual ?? Y);

    public int HasResidual => Residual is null ? 0 : 1;

    /// <summary>(K/Groups, P*Q) per image and group, into y.</summary>
    public ConvStore Store(Conv2dFilter filter, ArrayView<float>? bias) => new()
    {
        Y = YView,
        Residual = ResidualView,
        Bias = bias ?? YView,
        HasBias = bias is null ? 0 : 1,
        HasResidual = HasResidual,
        M = filter.K / filter.Groups,
        N = P * Q,
        Groups = filter.Groups,
        YImageStride = YImageStride,
        Vector = P * Q % 4 == 0 && OutputAligned(4) ? 1 : 0,
    };

    /// <summary>(4K, H*W) per image, into y with its pixels shuffled.</summary>
    public PixelShuffleStore ShuffleStore(int k, ArrayView<float>? bias) => new()
    {
        Y = YView,
        Residual = ResidualView,
        Bias = bias ?? YView,
        HasBias = bias is null ? 0 : 1,
        HasResidual = HasResidual,
        K = k,
        N = Input.H * Input.W,
        W = Input.W,
        YImageStride = YImageStride,
        Vector = OutputAligned(2) ? 1 : 0,
    };

    /// <summary>x as a matrix (channels of a group, pixels) per image and group.</summary>
    public RowsOperand Pixels(int channels)
    {
        int pixels = Input.H * Input.W;
        return new()
        {
            Values = XView,
            K = channels,
            Columns = pixels,
            RowLength = pixels,
            BatchLength = channels * pixels,
            Vector = pixels % 4 == 0 ? GpuBackend.Aligned4(X) : 0,
        };
    }

    /// <summary>x as patches (C/Groups*R*S, P*Q) per image and group.</summary>
    public Im2colOperand Patches(Conv2dFilter filter, ArrayView<int> taps) => new()
    {
        X = XView,
        Taps = taps,
        BatchLength = filter.C / filter.Groups * Input.H * Input.W,
        H = Input.H,
        W = Input.W,
        Q = Q,
        Pixels = P * Q,
        Stride = filter.Stride,
        Padding = filter.Padding,
    };

    /// <summary>Whether outputs may be moved in runs of <paramref name="width"/> floats.</summary>
    public bool OutputAligned(int width) => (Y.Offset | (uint)YImageStride | (Residual?.Offset ?? 0)) % width == 0;
}

internal abstract class GpuPreparedConvolution(Conv2dFilter filter, bool transposed, Activation activation)
    : PreparedConvolution(filter, transposed, activation)
{
    public abstract void Run(ConvolutionCall call);
}

/// <summary>V1 and depthwise: one thread an output, weights as they came.</summary>
internal sealed class DirectConvolution : GpuPreparedConvolution
{
    private readonly GpuBackend _backend;
    private readonly GpuKernel<DirectConvArgs> _kernel;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _weight, _bias;

    public DirectConvolution(GpuBackend backend, Conv2dFilter filter, bool transposed, Activation activation,
        ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, GpuKernel<DirectConvArgs>[] kernels)
        : base(filter, transposed, activation)
    {
        _backend = backend;
        _kernel = kernels[(int)activation];
        _weight = backend.Constant(weight.ToArray());
        _bias = backend.Constant(bias.IsEmpty ? new float[filter.K] : bias.ToArray());
    }

    public override string Algorithm => _kernel.Method.Name;

    public override long PackedBytes => _weight.LengthInBytes + _bias.LengthInBytes;

    public override void Run(ConvolutionCall call)
    {
        var f = Filter;
        long outputs = (long)call.Input.N * f.K * call.P * call.Q;
        bool byPlane = _kernel.Method.Name == nameof(Conv2dKernels.Depthwise);
        long groups = byPlane
            ? (long)call.Input.N * f.K * (((long)call.P * call.Q + _kernel.GroupSize - 1) / _kernel.GroupSize)
            : (outputs + _kernel.GroupSize - 1) / _kernel.GroupSize;
        _backend.Launch(_kernel, groups, DirectConvArgs.Of(f, call.Input, call.P, call.Q, outputs) with
        {
            X = call.XView,
            Weight = _weight.View.BaseView,
            Bias = _bias.View.BaseView,
            Residual = call.ResidualView,
            Y = call.YView,
            HasBias = 1,
            HasResidual = call.HasResidual,
            YImageStride = call.YImageStride,
        });
    }

    public override void Dispose()
    {
        _backend.Release(_weight);
        _backend.Release(_bias);
    }
}

/// <summary>V2: implicit GEMM, or a plain GEMM over pixels for 1x1 stride 1.</summary>
internal sealed class GemmConvolution : GpuPreparedConvolution
{
    private readonly GpuBackend _backend;
    private readonly PackedWeights _weights;
    private readonly MemoryBuffer1D<int, Stride1D.Dense>? _taps;
    private readonly int _side, _k, _m;

    public GemmConvolution(GpuBackend backend, Conv2dFilter filter, Activation activation, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, int side) : base(filter, false, activation)
    {
        _backend = backend;
        _side = side;
        _m = filter.K / filter.Groups;
        _k = filter.C / filter.Groups * filter.R * filter.S;
        float[] w = weight.ToArray();
        _weights = new PackedWeights(backend, filter.Groups, _m, _k, bias, filter.K, (g, j, i) => w[(g * _m + j) * _k + i]);
        _taps = FilterTaps.Upload(backend, filter);
    }

    public override string Algorithm => (_taps is null ? "GEMM of pixels" : "implicit GEMM") + (_side > 0 ? $" {_side}" : "");

    public override long PackedBytes => _weights.Bytes + (_taps?.LengthInBytes ?? 0);

    public override void Run(ConvolutionCall call)
    {
        int pixels = call.P * call.Q, batch = call.Input.N * Filter.Groups;
        var store = call.Store(Filter, _weights.Bias);
        if (_taps is null)
        {
            Conv2dKernels.Pointwise.Launch(_backend, Activation,
                new() { A = _weights.Operand, B = call.Pixels(_k), C = store, K = _k }, _m, pixels, batch, _side);
            return;
        }
        Conv2dKernels.ImplicitGemm.Launch(_backend, Activation,
            new() { A = _weights.Operand, B = call.Patches(Filter, _taps.View.BaseView), C = store, K = _k }, _m, pixels, batch,
            _side);
    }

    public override void Dispose()
    {
        _weights.Dispose();
        if (_taps is not null)
        {
            _backend.Release(_taps);
        }
    }
}

/// <summary>2x2 stride 2 transposed: a GEMM over input pixels whose epilogue shuffles.</summary>
internal sealed class TransposedConvolution : GpuPreparedConvolution
{
    private readonly GpuBackend _backend;
    private readonly PackedWeights _weights;
    private readonly int _side;

    public TransposedConvolution(GpuBackend backend, Conv2dFilter filter, Activation activation, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, int side) : base(filter, true, activation)
    {
        _backend = backend;
        _side = side;
        int m = 4 * filter.K;
        float[] w = weight.ToArray(); // (C, K, 2, 2) is (C, 4K) already
        _weights = new PackedWeights(backend, 1, m, filter.C, bias, filter.K, (_, j, i) => w[i * m + j]);
    }

    public override string Algorithm => "GEMM with pixel shuffle";

    public override long PackedBytes => _weights.Bytes;

    public override void Run(ConvolutionCall call)
    {
        int pixels = call.Input.H * call.Input.W;
        Conv2dKernels.Transposed.Launch(_backend, Activation, new()
        {
            A = _weights.Operand,
            B = call.Pixels(Filter.C),
            C = call.ShuffleStore(Filter.K, _weights.Bias),
            K = Filter.C,
        }, 4 * Filter.K, pixels, call.Input.N, _side);
    }

    public override void Dispose() => _weights.Dispose();
}
