using ILGPU;
using ILGPU.Runtime;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Convolution;

/// <summary>Rungs of the ladder in <see cref="Conv2dKernels"/>.</summary>
internal enum GpuConvolutionVersion
{
    /// <summary>The fastest that serves the filter.</summary>
    Auto,
    /// <summary>V1.</summary>
    Naive,
    /// <summary>V2 with 64x64 blocks.</summary>
    Gemm64,
    /// <summary>V2 with 128x128 blocks.</summary>
    Gemm128,
}

internal sealed partial class GpuConvolution(GpuBackend backend) : Convolution2d
{
    /// <summary>The version of convolutions prepared from now on; for the ladder benchmark and the tests.</summary>
    public GpuConvolutionVersion Version { get; set; }

    private protected override PreparedConvolution PrepareCore(Conv2dFilter filter, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, Activation activation)
    {
        bool depthwise = filter.Groups == filter.C && filter.Groups == filter.K && filter.Groups > 1;
        // Tiles waste most of their rows on groups with a few filters; they cannot describe huge filters.
        bool direct = Version == GpuConvolutionVersion.Naive || filter.R > Conv2dKernels.MaxSide
            || filter.S > Conv2dKernels.MaxSide || (filter.Groups > 1 && filter.K / filter.Groups < 8);
        return depthwise && Version == GpuConvolutionVersion.Auto
            ? new DirectConvolution(backend, filter, false, activation, weight, bias, Conv2dKernels.DepthwiseKernels)
            : direct
            ? new DirectConvolution(backend, filter, false, activation, weight, bias, Conv2dKernels.NaiveKernels)
            : new GemmConvolution(backend, filter, activation, weight, bias, Side);
    }

    private protected override PreparedConvolution PrepareTransposedCore(int c, int k, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, Activation activation)
    {
        var filter = new Conv2dFilter(c, k, 2, 2, 2);
        return Version == GpuConvolutionVersion.Naive
            ? new DirectConvolution(backend, filter, true, activation, weight, bias, Conv2dKernels.NaiveTransposedKernels)
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
        Check.That(outputs <= int.MaxValue, $"Conv2d: {outputs} outputs exceed what one operation can address");
        bool byPlane = _kernel.Method.Name == nameof(Conv2dKernels.Depthwise);
        long groups = byPlane
            ? (long)call.Input.N * f.K * (((long)call.P * call.Q + _kernel.GroupSize - 1) / _kernel.GroupSize)
            : (outputs + _kernel.GroupSize - 1) / _kernel.GroupSize;
        _backend.Launch(_kernel, groups, new DirectConvArgs
        {
            X = call.XView,
            Weight = _weight.View.BaseView,
            Bias = _bias.View.BaseView,
            Residual = call.ResidualView,
            Y = call.YView,
            HasBias = 1,
            HasResidual = call.HasResidual,
            Outputs = (int)outputs,
            Channels = f.C,
            Filters = f.K,
            GroupChannels = f.C / f.Groups,
            GroupFilters = f.K / f.Groups,
            H = call.Input.H,
            W = call.Input.W,
            R = f.R,
            S = f.S,
            Stride = f.Stride,
            Padding = f.Padding,
            P = call.P,
            Q = call.Q,
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
        int taps = filter.R * filter.S;
        _k = filter.C / filter.Groups * taps;
        float[] w = weight.ToArray();
        _weights = new PackedWeights(backend, filter.Groups, _m, _k, bias, filter.K, (g, j, i) => w[(g * _m + j) * _k + i]);
        if (filter is not { R: 1, S: 1, Stride: 1, Padding: 0 })
        {
            int[] table = new int[(_k + Slab.K - 1) / Slab.K * Slab.K];
            Array.Fill(table, -1);
            for (int i = 0; i < _k; i++)
            {
                table[i] = i / taps << 10 | i % taps / filter.S << 5 | i % filter.S;
            }
            _taps = backend.Constant(table);
        }
    }

    public override string Algorithm => (_taps is null ? "GEMM of pixels" : "implicit GEMM") + (_side > 0 ? $" {_side}" : "");

    public override long PackedBytes => _weights.Bytes + (_taps?.LengthInBytes ?? 0);

    public override void Run(ConvolutionCall call)
    {
        int pixels = call.P * call.Q, groups = Filter.Groups, batch = call.Input.N * groups;
        var store = new ConvStore
        {
            Y = call.YView,
            Residual = call.ResidualView,
            Bias = _weights.Bias,
            HasBias = 1,
            HasResidual = call.HasResidual,
            M = _m,
            N = pixels,
            Groups = groups,
            YImageStride = call.YImageStride,
            Vector = pixels % 4 == 0 && call.OutputAligned(4) ? 1 : 0,
        };
        int groupLength = Filter.C / groups * call.Input.H * call.Input.W;
        if (_taps is null)
        {
            var x = new RowsOperand
            {
                Values = call.XView,
                K = _k,
                Columns = pixels,
                RowLength = pixels,
                BatchLength = groupLength,
                Vector = pixels % 4 == 0 ? GpuBackend.Aligned4(call.X) : 0,
            };
            Conv2dKernels.Pointwise.Launch(_backend, Activation,
                new() { A = _weights.Operand, B = x, C = store, K = _k }, _m, pixels, batch, _side);
            return;
        }
        var patches = new Im2colOperand
        {
            X = call.XView,
            Taps = _taps.View.BaseView,
            BatchLength = groupLength,
            H = call.Input.H,
            W = call.Input.W,
            Q = call.Q,
            Pixels = pixels,
            Stride = Filter.Stride,
            Padding = Filter.Padding,
        };
        Conv2dKernels.ImplicitGemm.Launch(_backend, Activation,
            new() { A = _weights.Operand, B = patches, C = store, K = _k }, _m, pixels, batch, _side);
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
            B = new RowsOperand
            {
                Values = call.XView,
                K = Filter.C,
                Columns = pixels,
                RowLength = pixels,
                BatchLength = Filter.C * pixels,
                Vector = pixels % 4 == 0 ? GpuBackend.Aligned4(call.X) : 0,
            },
            C = new PixelShuffleStore
            {
                Y = call.YView,
                Residual = call.ResidualView,
                Bias = _weights.Bias,
                HasBias = 1,
                HasResidual = call.HasResidual,
                K = Filter.K,
                N = pixels,
                W = call.Input.W,
                YImageStride = call.YImageStride,
                Vector = call.OutputAligned(2) ? 1 : 0,
            },
            K = Filter.C,
        }, 4 * Filter.K, pixels, call.Input.N, _side);
    }

    public override void Dispose() => _weights.Dispose();
}
