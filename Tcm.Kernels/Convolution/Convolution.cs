namespace Tcm.Kernels.Convolution;

/// <summary>
/// 2-d convolution in two steps: <see cref="Prepare"/> chooses an algorithm and packs the weights for the device once,
/// <see cref="Run(PreparedConvolution, ImageBatch, Slice, Slice, Slice?, long)"/> computes
/// <c>y[n,k,p,q] = act(b[k] + residual[n,k,p,q] + sum over c,r,s of x[n,c,p*stride-pad+r,q*stride-pad+s] * w[k,c,r,s])</c>.
/// Thread-safe as far as its backend is.
/// </summary>
public abstract partial class Convolution2d
{
    // Only Tcm derives from it, so that members can be added.
    private protected Convolution2d() { }

    /// <summary>Packs a filter.</summary>
    /// <param name="filter">The geometry.</param>
    /// <param name="weight">(K, C/Groups, R, S) in host memory.</param>
    /// <param name="bias">K values, or empty for none.</param>
    /// <param name="activation">Applied last, after bias and residual.</param>
    /// <exception cref="ShapeException">The lengths do not fit the geometry.</exception>
    public PreparedConvolution Prepare(Conv2dFilter filter, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias,
        Activation activation)
    {
        Check.That(filter.C > 0 && filter.K > 0 && filter.R > 0 && filter.S > 0 && filter.Stride > 0 && filter.Padding >= 0
            && filter.Groups > 0 && filter.C % filter.Groups == 0 && filter.K % filter.Groups == 0,
            $"Conv2d: impossible filter {filter}");
        Check.That(weight.Length == filter.WeightLength,
            $"Conv2d: weight has {weight.Length} values, filter {filter} expects {filter.WeightLength}");
        Check.That(bias.Length == 0 || bias.Length == filter.K, $"Conv2d: bias has {bias.Length} values, expected {filter.K}");
        return PrepareCore(filter, weight, bias, activation);
    }

    /// <summary>
    /// Packs a transposed convolution with kernel 2x2 and stride 2:
    /// <c>y[n,k,2h+a,2w+b] = act(bias[k] + sum over c of x[n,c,h,w] * w[c,k,a,b])</c>.
    /// </summary>
    /// <param name="c">Input channels.</param>
    /// <param name="k">Output channels.</param>
    /// <param name="weight">(C, K, 2, 2) in host memory, PyTorch's layout of ConvTranspose2d.</param>
    /// <param name="bias">K values, or empty for none.</param>
    /// <param name="activation">Applied last.</param>
    public PreparedConvolution PrepareTransposed2x2(int c, int k, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias,
        Activation activation)
    {
        Check.That(c > 0 && k > 0 && weight.Length == (long)c * k * 4,
            $"ConvTranspose2d: weight has {weight.Length} values, expected ({c},{k},2,2)");
        Check.That(bias.Length == 0 || bias.Length == k, $"ConvTranspose2d: bias has {bias.Length} values, expected {k}");
        return PrepareTransposedCore(c, k, weight, bias, activation);
    }

    /// <summary>Runs a prepared convolution.</summary>
    /// <param name="convolution">From this backend's <see cref="Prepare"/> or <see cref="PrepareTransposed2x2"/>.</param>
    /// <param name="input">Number and size of the images.</param>
    /// <param name="x">(N,C,H,W)</param>
    /// <param name="y">(N,K,P,Q); images <paramref name="yImageStride"/> floats apart</param>
    /// <param name="residual">(N,K,P,Q), added before the activation; may be the same memory as <paramref name="y"/></param>
    /// <param name="yImageStride">Distance between output images, so that a result can be written into a part of a wider
    /// tensor; 0 means that they follow each other.</param>
    public void Run(PreparedConvolution convolution, ImageBatch input, Slice x, Slice y, Slice? residual = null,
        long yImageStride = 0)
    {
        const string op = "Conv2d";
        Check.Positive(op, "N", input.N);
        var (p, q) = convolution.OutputSize(input.H, input.W);
        Check.That(p > 0 && q > 0, $"{op}: an image of {input.H}x{input.W} is too small for {convolution.Filter}");
        long image = (long)convolution.Filter.K * p * q;
        long stride = yImageStride == 0 ? image : yImageStride;
        Check.That(stride >= image, $"{op}: output images of {image} floats do not fit a stride of {stride}");
        Check.Length(op, "x", x, (long)input.N * convolution.Filter.C * input.H * input.W);
        Check.Length(op, "y", y, (input.N - 1) * stride + image);
        if (residual is { } r)
        {
            Check.Length(op, "residual", r, input.N * image);
        }
        Backend.CountMultiplyAdds(convolution.MultiplyAdds(input));
        RunCore(convolution, input, x, y, residual, stride);
    }

    private protected abstract PreparedConvolution PrepareCore(Conv2dFilter filter, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, Activation activation);

    private protected abstract PreparedConvolution PrepareTransposedCore(int c, int k, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, Activation activation);

    private protected abstract void RunCore(PreparedConvolution convolution, ImageBatch input, Slice x, Slice y, Slice? residual,
        long yImageStride);
}

/// <summary>A convolution whose weights are packed for one backend. Immutable, may be used from many threads.</summary>
public abstract class PreparedConvolution(Conv2dFilter filter, bool transposed, Activation activation) : IDisposable
{
    /// <summary>The geometry; for a transposed convolution C, K, 2, 2, stride 2.</summary>
    public Conv2dFilter Filter { get; } = filter;

    /// <summary>Whether this is the 2x2 stride-2 transposed convolution.</summary>
    public bool Transposed { get; } = transposed;

    /// <summary>The function applied last.</summary>
    public Activation Activation { get; } = activation;

    /// <summary>The chosen algorithm in words, for tables.</summary>
    public abstract string Algorithm { get; }

    /// <summary>Bytes that the packed weights occupy.</summary>
    public abstract long PackedBytes { get; }

    /// <summary>Whether <see cref="HalfImages.HalfImageOperations.Convolve"/> can run it.</summary>
    public virtual bool TakesHalfImages => false;

    /// <summary>Whether it then gives floats (N,K,P,Q) in place of such images, because it has few channels.</summary>
    public virtual bool GivesPlanes => false;

    /// <summary>Size of the output for an input of <paramref name="h"/> x <paramref name="w"/>.</summary>
    public (int P, int Q) OutputSize(int h, int w)
    {
        if (Transposed)
        {
            return (2 * h, 2 * w);
        }
        var shape = new Conv2dShape(Filter, new ImageBatch(1, h, w));
        return (shape.P, shape.Q);
    }

    internal long MultiplyAdds(ImageBatch input) => Transposed
        ? 4L * Filter.C * Filter.K * input.N * input.H * input.W
        : new Conv2dShape(Filter, input).MultiplyAdds;

    /// <summary>Frees the packed weights.</summary>
    public abstract void Dispose();
}
