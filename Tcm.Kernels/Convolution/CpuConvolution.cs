using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// Convolution on the CPU. The algorithm is chosen when a filter is prepared, by its geometry alone:
///   grouped     groups > 1: rows of the output are sums of shifted rows of the input
///   winograd    3x3, stride 1, at least 8 channels on both sides (<see cref="CpuWinogradConvolution{T}"/>)
///   band        few input channels: products read a padded copy of some input rows (<see cref="CpuBandConvolution{T}"/>)
///   direct      im2col of one panel of pixels at a time, times packed filters (<see cref="CpuDirectConvolution{T}"/>)
///   transposed  2x2 stride 2: one product with 4K rows and a pixel-shuffle store
/// </summary>
internal sealed partial class CpuConvolution(CpuBackend backend) : Convolution2d
{
    private protected override PreparedConvolution PrepareCore(Conv2dFilter filter, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, Activation activation) => backend.Level switch
        {
            SimdLevel.Portable => Prepare<Floats4>(filter, weight, bias, activation),
            SimdLevel.Avx2 => Prepare<Floats8>(filter, weight, bias, activation),
            _ => Prepare<Floats16>(filter, weight, bias, activation),
        };

    private protected override PreparedConvolution PrepareTransposedCore(int c, int k, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, Activation activation) => backend.Level switch
        {
            SimdLevel.Portable => new CpuTransposedConvolution<Floats4>(backend, c, k, weight, bias, activation),
            SimdLevel.Avx2 => new CpuTransposedConvolution<Floats8>(backend, c, k, weight, bias, activation),
            _ => new CpuTransposedConvolution<Floats16>(backend, c, k, weight, bias, activation),
        };

    private protected override void RunCore(PreparedConvolution convolution, ImageBatch input, Slice x, Slice y,
        Slice? residual, long yImageStride) =>
        ((CpuPreparedConvolution)convolution).Run(input, x, y, residual, yImageStride);

    public override ConvolutionChain PrepareChain(ConvolutionChain? shortcut, params ReadOnlySpan<ConvolutionLink> links) =>
        new CpuConvolutionChain(backend, links, shortcut);

    private protected override void RunChainCore(ConvolutionChain chain, ImageBatch input, Slice x, Slice y, Slice? residual)
    {
        if (chain is CpuConvolutionChain bands && bands.RunsInBands(input))
        {
            bands.RunInBands(input, x, y, residual);
        }
        else
        {
            base.RunChainCore(chain, input, x, y, residual);
        }
    }

    private CpuPreparedConvolution Prepare<T>(Conv2dFilter filter, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias,
        Activation activation) where T : struct, IFloatVector<T> =>
        filter.Groups > 1 ? new CpuGroupedConvolution<T>(backend, filter, weight, bias, activation)
        : CpuWinogradConvolution<T>.Suits(filter) ? new CpuWinogradConvolution<T>(backend, filter, weight, bias, activation)
        : new CpuDirectConvolution<T>(backend, filter, weight, bias, activation);
}

/// <summary>A packed filter that knows how to run.</summary>
internal abstract unsafe class CpuPreparedConvolution(Conv2dFilter filter, bool transposed, Activation activation)
    : PreparedConvolution(filter, transposed, activation), IRowStep
{
    public abstract void Run(ImageBatch input, Slice x, Slice y, Slice? residual, long yImageStride);

    public int Channels => Filter.K;

    public virtual int RowGranularity => 0;

    public virtual long RowScratchFloats(int w) => 0;

    public (int First, int Last) InputRows(int first, int last) => Transposed ? (first / 2, (last + 1) / 2)
        : ((first * Filter.Stride) - Filter.Padding, ((last - 1) * Filter.Stride) - Filter.Padding + Filter.R);

    public CpuConvolutionCall Describe(in CpuConvolutionCall memory, int h, int w) =>
        memory with { Shape = new Conv2dShape(Filter, new ImageBatch(1, h, w)), Activation = Activation };

    public virtual void Rows(in CpuConvolutionCall call, int first, int last, float* scratch) =>
        throw new NotSupportedException(Algorithm);

    protected CpuConvolutionCall Call(ImageBatch input, Slice x, Slice y, Slice? residual, long yImageStride, CpuBuffer bias) =>
        new()
        {
            Shape = new Conv2dShape(Filter, input),
            X = CpuBackend.Pointer(x),
            Y = CpuBackend.Pointer(y),
            Residual = residual is { } r ? CpuBackend.Pointer(r) : null,
            Bias = bias.Pointer,
            Activation = Activation,
            YImageStride = yImageStride,
        };

    /// <summary>K biases, zeros where the convolution has none.</summary>
    protected static CpuBuffer BiasOrZeros(ReadOnlySpan<float> bias, int k) =>
        CpuBuffer.From(bias.Length > 0 ? bias : new float[k]);
}
