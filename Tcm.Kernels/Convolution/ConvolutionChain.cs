using Tcm.Kernels.Resampling;

namespace Tcm.Kernels.Convolution;

/// <summary>A step of a <see cref="ConvolutionChain"/>: a convolution where there is one, then an average pooling.</summary>
/// <param name="Convolution">From the backend that runs the chain; null where the step only pools.</param>
/// <param name="Pooling">Side and stride of the pooling's blocks; 1 for none.</param>
/// <param name="AddsUpsampled">Whether the chain's residual, a map of half the height and width, is added to this convolution's
/// result, each value to a block of 2x2, instead of to the last one's before its activation.</param>
public readonly record struct ConvolutionLink(PreparedConvolution? Convolution, int Pooling = 1, bool AddsUpsampled = false);

/// <summary>
/// Convolutions one after the other, of which only the last result is wanted. Immutable, may be used from many threads; does not
/// own the convolutions.
/// </summary>
public class ConvolutionChain
{
    internal ConvolutionChain(ReadOnlySpan<ConvolutionLink> links, ConvolutionChain? shortcut)
    {
        Check.That(links.Length > 0, $"ConvolutionChain: no links");
        Links = links.ToArray();
        foreach (var (convolution, pooling, upsampled) in links)
        {
            Check.That(pooling > 0, $"ConvolutionChain: pooling by {pooling}");
            Check.That(!upsampled || (convolution is not null && pooling == 1 && !AddsUpsampled),
                $"ConvolutionChain: only one convolution adds what is upsampled, and none that is pooled");
            AddsUpsampled |= upsampled;
            if (convolution is not null)
            {
                Check.That(C == 0 || K == convolution.Filter.C, $"ConvolutionChain: {K} channels before {convolution.Filter}");
                C = C == 0 ? convolution.Filter.C : C;
                K = convolution.Filter.K;
            }
            Steps += (convolution is null ? 0 : 1) + (pooling > 1 ? 1 : 0);
        }
        Check.That(K > 0, $"ConvolutionChain: no convolution");
        if (shortcut is not null)
        {
            Check.That(shortcut is { Shortcut: null, AddsUpsampled: false } && shortcut.C == C && shortcut.K == K,
                $"ConvolutionChain: a shortcut from {shortcut.C} to {shortcut.K} channels around a chain from {C} to {K}");
            Check.That(!AddsUpsampled && links[^1] is { Convolution: not null, Pooling: 1 },
                $"ConvolutionChain: a shortcut around a chain that does not end with a convolution");
            Shortcut = shortcut;
        }
    }

    internal ConvolutionLink[] Links { get; }

    /// <summary>What is added to the last convolution's result before its activation: another chain from the same input, or null.</summary>
    public ConvolutionChain? Shortcut { get; }

    /// <summary>Bytes of the packed filters and biases, without the shortcut's.</summary>
    internal long PackedBytes => Links.Sum(link => link.Convolution?.PackedBytes ?? 0);

    /// <summary>Whether the residual is a smaller map for a link that is not the last (<see cref="ConvolutionLink"/>).</summary>
    public bool AddsUpsampled { get; }

    /// <summary>Convolutions and poolings.</summary>
    internal int Steps { get; }

    /// <summary>Input channels.</summary>
    public int C { get; }

    /// <summary>Output channels.</summary>
    public int K { get; }

    /// <summary>Size of the output for an input of <paramref name="h"/> x <paramref name="w"/>.</summary>
    public (int P, int Q) OutputSize(int h, int w)
    {
        foreach (var (convolution, pooling, _) in Links)
        {
            (h, w) = convolution?.OutputSize(h, w) ?? (h, w);
            (h, w) = (h / pooling, w / pooling);
        }
        return (h, w);
    }

    /// <summary>
    /// Whether rows of the output are written while others of the input are still to be read, so that they must not share memory.
    /// </summary>
    public virtual bool WritesEarly(ImageBatch input) => Shortcut is not null;
}

public abstract partial class Convolution2d
{
    /// <summary>Prepares convolutions that follow each other.</summary>
    /// <exception cref="ShapeException">The channels do not fit.</exception>
    public ConvolutionChain PrepareChain(params ReadOnlySpan<ConvolutionLink> links) => PrepareChain(null, links);

    /// <summary>Prepares convolutions that follow each other, and what goes around them: a residual block with a projection.</summary>
    /// <param name="shortcut">From this backend, from as many channels to as many and of the same output size; null for none.</param>
    /// <param name="links">With a shortcut, the last one must not pool.</param>
    /// <exception cref="ShapeException">The channels do not fit.</exception>
    public virtual ConvolutionChain PrepareChain(ConvolutionChain? shortcut, params ReadOnlySpan<ConvolutionLink> links) =>
        new(links, shortcut);

    /// <summary>Runs a chain. What lies between two links is temporary; a backend may keep it in a cache.</summary>
    /// <param name="chain">From this backend's PrepareChain.</param>
    /// <param name="input">Number and size of the images.</param>
    /// <param name="x">(N,C,H,W); may be the same memory as <paramref name="residual"/>.</param>
    /// <param name="y">(N,K,P,Q); may be the same memory as <paramref name="residual"/>, and as <paramref name="x"/> unless
    /// <see cref="ConvolutionChain.WritesEarly"/>.</param>
    /// <param name="residual">(N,K,P,Q), added before the last convolution's activation; the last link must not pool then. Where a
    /// link adds what is upsampled, the map of half the height and width of its result. None with a shortcut.</param>
    public void Run(ConvolutionChain chain, ImageBatch input, Slice x, Slice y, Slice? residual = null)
    {
        const string op = "ConvolutionChain";
        Check.Positive(op, "N", input.N);
        var (p, q) = chain.OutputSize(input.H, input.W);
        Check.That(p > 0 && q > 0, $"{op}: an image of {input.H}x{input.W} is too small");
        Check.Length(op, "x", x, (long)input.N * chain.C * input.H * input.W);
        Check.Length(op, "y", y, (long)input.N * chain.K * p * q);
        if (chain.Shortcut is not null)
        {
            Check.That(residual is null, $"{op}: a residual besides a shortcut");
            Check.That(chain.Shortcut.OutputSize(input.H, input.W) == (p, q), $"{op}: the shortcut's result is not {p}x{q}");
        }
        if (chain.AddsUpsampled)
        {
            CheckUpsampled(op, chain, input, residual);
        }
        else if (residual is { } r)
        {
            Check.That(chain.Links[^1] is { Convolution: not null, Pooling: 1 }, $"{op}: a residual after which is pooled");
            Check.Length(op, "residual", r, (long)input.N * chain.K * p * q);
        }
        RunChainCore(chain, input, x, y, residual);
    }

    private static void CheckUpsampled(string op, ConvolutionChain chain, ImageBatch input, Slice? residual)
    {
        var (h, w) = (input.H, input.W);
        foreach (var (convolution, pooling, upsampled) in chain.Links)
        {
            (h, w) = convolution?.OutputSize(h, w) ?? (h, w);
            if (upsampled)
            {
                Check.That(residual is not null && h % 2 == 0 && w % 2 == 0, $"{op}: {h}x{w} is not twice the size of a residual");
                Check.Length(op, "residual", residual!.Value, (long)input.N * convolution!.Filter.K * (h / 2) * (w / 2));
            }
            (h, w) = (h / pooling, w / pooling);
        }
    }

    /// <summary>One link after the other, with whole maps between them.</summary>
    private protected virtual void RunChainCore(ConvolutionChain chain, ImageBatch input, Slice x, Slice y, Slice? residual)
    {
        var backend = x.Storage.Backend;
        int channels = chain.C, steps = chain.Steps;
        Storage? held = null;
        if (chain.Shortcut is not null)
        {
            Run(chain.Shortcut, input, x, y);
            residual = y;
        }
        try
        {
            foreach (var (convolution, pooling, upsampled) in chain.Links)
            {
                if (convolution is not null)
                {
                    var (p, q) = convolution.OutputSize(input.H, input.W);
                    channels = convolution.Filter.K;
                    var next = --steps == 0 ? null : backend.Allocate((long)input.N * channels * p * q);
                    Run(convolution, input, held?.All ?? x, next?.All ?? y, steps == 0 && !chain.AddsUpsampled ? residual : null);
                    held?.Dispose();
                    (held, input) = (next, new ImageBatch(input.N, p, q));
                    if (upsampled)
                    {
                        var shape = new ResizeShape(input.N, channels, p / 2, q / 2, p, q);
                        backend.Resampling.Resize(ResizeMode.Nearest, shape, residual!.Value, held?.All ?? y, accumulate: true);
                    }
                }
                if (pooling > 1)
                {
                    var (p, q) = (input.H / pooling, input.W / pooling);
                    var next = --steps == 0 ? null : backend.Allocate((long)input.N * channels * p * q);
                    backend.Pooling.Forward(input.N * channels, input.H, input.W, pooling, held?.All ?? x, next?.All ?? y);
                    held?.Dispose();
                    (held, input) = (next, new ImageBatch(input.N, p, q));
                }
            }
        }
        finally
        {
            held?.Dispose();
        }
    }
}
