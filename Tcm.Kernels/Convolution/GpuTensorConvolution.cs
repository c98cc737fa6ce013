using ILGPU;
using ILGPU.Runtime;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Convolution;

/// <summary>The rows of an im2col matrix, as kernels read them.</summary>
internal static class FilterTaps
{
    /// <summary>The steps of all GEMM kernels along k divide this, and so do the sides of their blocks.</summary>
    private const int Padding = 128;

    /// <summary>For each row c &lt;&lt; 10 | r &lt;&lt; 5 | s, -1 in the padding; null where images are matrices already.</summary>
    public static MemoryBuffer1D<int, Stride1D.Dense>? Upload(GpuBackend backend, Conv2dFilter filter)
    {
        if (filter is { R: 1, S: 1, Stride: 1, Padding: 0 })
        {
            return null;
        }
        return backend.Constant(Table(filter.C / filter.Groups, filter.R, filter.S));
    }

    /// <summary>The same for any number of channels, or of filters.</summary>
    public static int[] Table(int channels, int r, int s)
    {
        int area = r * s, length = channels * area;
        int[] table = new int[(length + Padding - 1) / Padding * Padding];
        Array.Fill(table, -1);
        for (int i = 0; i < length; i++)
        {
            table[i] = i / area << 10 | i % area / s << 5 | i % s;
        }
        return table;
    }
}

/// <summary>V3: implicit GEMM on tensor cores, or a plain GEMM over pixels for 1x1 stride 1.</summary>
internal sealed class TensorConvolution : GpuPreparedConvolution
{
    private readonly GpuBackend _backend;
    private readonly TensorWeights _weights;
    private readonly MemoryBuffer1D<int, Stride1D.Dense>? _taps;
    private readonly int _tile, _k, _m;

    public TensorConvolution(GpuBackend backend, Precision precision, Conv2dFilter filter, Activation activation,
        ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int tile) : base(filter, false, activation)
    {
        _backend = backend;
        _tile = tile;
        _m = filter.K / filter.Groups;
        _k = filter.C / filter.Groups * filter.R * filter.S;
        float[] w = weight.ToArray();
        _weights = new TensorWeights(backend, precision, filter.Groups, _m, _k, bias, filter.K,
            (g, j, i) => w[(g * _m + j) * _k + i]);
        _taps = FilterTaps.Upload(backend, filter);
    }

    public override string Algorithm => (_taps is null ? "GEMM of pixels, " : "implicit GEMM, ") + _weights.Precision;

    public override long PackedBytes => _weights.Bytes + (_taps?.LengthInBytes ?? 0);

    public override void Run(ConvolutionCall call)
    {
        int pixels = call.P * call.Q, batch = call.Input.N * Filter.Groups;
        var store = call.Store(Filter, _weights.Bias);
        if (_taps is null)
        {
            Conv2dKernels.TensorPointwise.Launch(_backend, _weights.Precision, Activation,
                new() { A = _weights.Operand, B = call.Pixels(_k), C = store }, _m, pixels, _k, batch, _tile);
            return;
        }
        Conv2dKernels.TensorImplicitGemm.Launch(_backend, _weights.Precision, Activation,
            new() { A = _weights.Operand, B = call.Patches(Filter, _taps.View.BaseView), C = store }, _m, pixels, _k, batch,
            _tile);
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

/// <summary>V3 of the 2x2 stride 2 transposed convolution.</summary>
internal sealed class TensorTransposedConvolution : GpuPreparedConvolution
{
    private readonly GpuBackend _backend;
    private readonly TensorWeights _weights;
    private readonly int _tile;

    public TensorTransposedConvolution(GpuBackend backend, Precision precision, Conv2dFilter filter, Activation activation,
        ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int tile) : base(filter, true, activation)
    {
        _backend = backend;
        _tile = tile;
        int m = 4 * filter.K;
        float[] w = weight.ToArray(); // (C, K, 2, 2) is (C, 4K) already
        _weights = new TensorWeights(backend, precision, 1, m, filter.C, bias, filter.K, (_, j, i) => w[i * m + j]);
    }

    public override string Algorithm => $"GEMM with pixel shuffle, {_weights.Precision}";

    public override long PackedBytes => _weights.Bytes;

    public override void Run(ConvolutionCall call) => Conv2dKernels.TensorTransposed.Launch(_backend, _weights.Precision,
        Activation, new()
        {
            A = _weights.Operand,
            B = call.Pixels(Filter.C),
            C = call.ShuffleStore(Filter.K, _weights.Bias),
        }, 4 * Filter.K, call.Input.H * call.Input.W, Filter.C, call.Input.N, _tile);

    public override void Dispose() => _weights.Dispose();
}
