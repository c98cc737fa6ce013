using Tcm.Kernels;
using Tcm.Kernels.Convolution;

namespace Tcm.Nn.Layers;

/// <summary>
/// torch.nn.Conv2d with what usually follows it, as one operation: an optional BatchNorm2d (folded into the filter), an
/// optional residual, an activation. Weights (K, C/groups, R, S). May be used from many threads.
/// </summary>
public sealed class Conv2d : IDisposable
{
    private readonly PreparedConvolution? _prepared;
    private readonly ConvolutionParameters? _parameters;
    private readonly Conv2dFilter _filter;

    /// <summary>Null in training.</summary>
    internal PreparedConvolution? Prepared => _prepared;

    /// <summary>Reads <c>name.weight</c>, <c>name.bias</c> where there is one, and the four tensors of the norm.</summary>
    /// <param name="weights">Place of the parent in the checkpoint.</param>
    /// <param name="name">Name of the convolution.</param>
    /// <param name="filter">Its geometry.</param>
    /// <param name="batchNorm">Name of the BatchNorm2d behind it, or null.</param>
    /// <param name="activation">Applied last.</param>
    public Conv2d(Weights weights, string name, Conv2dFilter filter, string? batchNorm = null,
        Activation activation = Activation.None)
    {
        _filter = filter;
        if (weights.Store is not null)
        {
            _parameters = new ConvolutionParameters(weights, name, batchNorm, activation, filter.K, filter.K,
                filter.C / filter.Groups, filter.R, filter.S);
            return;
        }
        var conv = weights / name;
        using var w = conv.ReadLarge("weight", filter.K, filter.C / filter.Groups, filter.R, filter.S);
        float[] b = conv.Has("bias") ? conv.Read("bias", filter.K) : new float[filter.K];
        if (batchNorm is not null)
        {
            BatchNorm2d.Fold(weights / batchNorm, w.Span, b, w.Span.Length / filter.K);
        }
        _prepared = weights.Backend.Convolution.Prepare(filter, w.Span, b, activation);
    }

    /// <summary>act(norm(conv(x)) + residual) for x (N,C,H,W).</summary>
    public Tensor Forward(Tensor x, Tensor? residual = null) => _prepared is not null
        ? PreparedForward.Run(_prepared, x, residual)
        : Train(x, residual);

    /// <summary>
    /// As <see cref="Forward"/>, for a residual that is not used any more: outside of training the result takes its memory, which
    /// spares the memory of a map and a third of the traffic of a 1x1 convolution that widens.
    /// </summary>
    public Tensor ForwardOnto(Tensor x, Tensor residual) => _prepared is not null
        ? PreparedForward.Run(_prepared, x, residual, overwrite: true)
        : Train(x, residual);

    private Tensor Train(Tensor x, Tensor? residual) => _parameters!.Forward(
        w => Functional.Conv2d(x, w, _filter.Stride, _filter.Padding, _filter.Groups), residual);

    /// <inheritdoc/>
    public void Dispose() => _prepared?.Dispose();
}

/// <summary>
/// torch.nn.ConvTranspose2d with kernel 2 and stride 2, an optional BatchNorm2d and an activation. Thread-safe as far as its
/// backend is, except its disposal.
/// </summary>
public sealed class ConvTranspose2d : IDisposable
{
    private readonly PreparedConvolution? _prepared;
    private readonly ConvolutionParameters? _parameters;

    /// <summary>Null in training.</summary>
    internal PreparedConvolution? Prepared => _prepared;

    /// <summary>Reads <c>name.weight</c> (C,K,2,2), <c>name.bias</c> and the norm's tensors.</summary>
    public ConvTranspose2d(Weights weights, string name, int c, int k, string? batchNorm = null,
        Activation activation = Activation.None)
    {
        if (weights.Store is not null)
        {
            _parameters = new ConvolutionParameters(weights, name, batchNorm, activation, k, c, k, 2, 2);
            return;
        }
        var conv = weights / name;
        float[] w = conv.Read("weight", c, k, 2, 2);
        float[] b = conv.Has("bias") ? conv.Read("bias", k) : new float[k];
        if (batchNorm is not null)
        {
            BatchNorm2d.Fold(weights / batchNorm, w, b, 4);
        }
        _prepared = weights.Backend.Convolution.PrepareTransposed2x2(c, k, w, b, activation);
    }

    /// <summary>x (N,C,H,W) to (N,K,2H,2W).</summary>
    public Tensor Forward(Tensor x) => _prepared is not null ? PreparedForward.Run(_prepared, x, null) : Train(x);

    private Tensor Train(Tensor x) => _parameters!.Forward(w => Functional.ConvTranspose2d(x, w), null);

    /// <inheritdoc/>
    public void Dispose() => _prepared?.Dispose();
}

internal static class PreparedForward
{
    public static Tensor Run(PreparedConvolution conv, Tensor x, Tensor? residual, bool overwrite = false)
    {
        var s = x.Shape;
        if (s.Rank != 4 || s[1] != conv.Filter.C)
        {
            throw new ShapeException($"Conv2d: x {s}, filter {conv.Filter} expects (N,{conv.Filter.C},H,W)");
        }
        var (p, q) = conv.OutputSize(s[2], s[3]);
        Shape shape = [s[0], conv.Filter.K, p, q];
        if (residual is not null && residual.Shape != shape)
        {
            throw new ShapeException($"Conv2d: residual {residual.Shape}, result {shape}");
        }
        // Floats that a layer of few channels gave become halves again.
        if (x.Format == TensorFormat.HalfImage || (conv.TakesHalfImages && x.Backend.HalfImages is not null))
        {
            return RunHalf(conv, x, residual, shape, overwrite);
        }
        var y = overwrite ? residual!.Share() : new Tensor(x.Backend, shape);
        x.Backend.Convolution.Run(conv, new ImageBatch(s[0], s[2], s[3]), x.Data, y.Data, residual?.Data);
        return y;
    }

    private static Tensor RunHalf(PreparedConvolution conv, Tensor x, Tensor? residual, Shape shape, bool overwrite)
    {
        using var scope = TensorScope.Begin();
        if (!conv.TakesHalfImages || x.Backend.HalfImages is not { } half)
        {
            // Groups of more than one channel, or filters beyond what the kernels describe.
            var result = Run(conv, Functional.ToFloat(x), residual is null ? null : Functional.ToFloat(residual));
            return scope.Keep(Functional.ToHalfImage(result));
        }
        var format = conv.GivesPlanes ? TensorFormat.Float : TensorFormat.HalfImage;
        var added = residual is null || residual.Format == format ? residual
            : conv.GivesPlanes ? Functional.ToFloat(residual) : Functional.ToHalfImage(residual);
        var y = overwrite && ReferenceEquals(added, residual) ? residual!.Share() : new Tensor(x.Backend, shape, format);
        var image = Functional.ToHalfImage(x);
        half.Convolve(conv, new ImageBatch(x.Shape[0], x.Shape[2], x.Shape[3]), image.RawData, y.RawData, added?.RawData);
        return scope.Keep(y);
    }
}
