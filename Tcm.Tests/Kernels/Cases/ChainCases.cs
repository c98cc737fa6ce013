using Tcm.Kernels;
using Tcm.Kernels.Convolution;

namespace Tcm.Tests.Kernels.Cases;

/// <summary>
/// Chains of convolutions and poolings as the network has them. From 32 output rows on the CPU runs them in bands: heights around
/// multiples of a step and of a segment, several images, and shorter ones, which run link by link.
/// </summary>
internal static class ChainCases
{
    /// <summary>Stands for an average pooling.</summary>
    private static readonly Conv2dFilter pool = new(0, 0, 2, 2, 2);

    public static IEnumerable<KernelCase> All()
    {
        // Stems: the shipped model's, the direct convolution throughout, and Winograd behind it.
        yield return Chain("stem", new(1, 133, 45), false, Activation.None,
            new(3, 8, 3, 3, 2, 1), new(8, 8, 3, 3, 1, 1), new(8, 16, 3, 3, 1, 1), pool);
        yield return Chain("stem", new(1, 133, 45), false, Activation.None,
            new(3, 6, 3, 3, 2, 1), new(6, 7, 3, 3, 1, 1), new(7, 16, 3, 3, 1, 1), pool);
        yield return Chain("stem", new(2, 262, 31), false, Activation.None,
            new(3, 16, 3, 3, 2, 1), new(16, 16, 3, 3, 1, 1), new(16, 24, 3, 3, 1, 1), pool);
        yield return Chain("short stem", new(1, 40, 33), false, Activation.None, new(3, 8, 3, 3, 2, 1), new(8, 12, 3, 3, 1, 1), pool);
        // Bottlenecks with their residual.
        foreach (var image in (ImageBatch[])[new(1, 32, 25), new(2, 37, 50), new(1, 64, 17), new(1, 101, 9), new(1, 195, 3),
            new(1, 31, 20)])
        {
            yield return Chain("bottleneck", image, true, Activation.Relu, new(40, 12, 1, 1), new(12, 12, 3, 3, 1, 1), new(12, 40, 1, 1));
        }
        yield return Chain("narrow bottleneck", new(1, 39, 41), true, Activation.Relu,
            new(17, 5, 1, 1), new(5, 6, 3, 3, 1, 1), new(6, 17, 1, 1));
        yield return Chain("smooth bottleneck", new(1, 34, 30), true, Activation.QuickGelu,
            new(24, 16, 1, 1), new(16, 16, 3, 3, 1, 1), new(16, 24, 1, 1));
        // Those that halve their input, and what goes around them.
        yield return Chain("halving", new(2, 75, 61), true, Activation.Relu,
            new(33, 16, 1, 1), new(16, 16, 3, 3, 1, 1), pool, new(16, 50, 1, 1));
        yield return Chain("halving", new(1, 128, 20), false, Activation.None, pool, new(16, 37, 1, 1));
        // Blocks with a projection around them, in bands and link by link.
        foreach (var image in (ImageBatch[])[new(2, 37, 50), new(1, 101, 9), new(1, 20, 31)])
        {
            yield return Block(image, [new(24, 9, 1, 1), new(9, 9, 3, 3, 1, 1), new(9, 36, 1, 1)], [new(24, 36, 1, 1)]);
        }
        yield return Block(new(1, 75, 61), [new(24, 8, 1, 1), new(8, 8, 3, 3, 1, 1), pool, new(8, 30, 1, 1)], [pool, new(24, 30, 1, 1)]);
        // The head: two transposed convolutions.
        yield return Chain("head", new(2, 9, 26), false, Activation.Sigmoid,
            new(20, 16, 3, 3, 1, 1), Transposed(16, 12), Transposed(12, 1));
        yield return Chain("head", new(1, 23, 50), false, Activation.None, Transposed(5, 7), Transposed(7, 2));
        // The neck: a smaller map is added between two convolutions.
        foreach (var image in (ImageBatch[])[new(2, 36, 46), new(1, 70, 6), new(1, 12, 20)])
        {
            yield return Upsampled(image, new(20, 13, 1, 1), new(13, 16, 3, 3, 1, 1));
        }
    }

    private static KernelCase Block(ImageBatch input, Conv2dFilter[] filters, Conv2dFilter[] shortcut)
    {
        int shrink = filters.Contains(pool) ? 2 : 1;
        return new($"block {string.Join(' ', filters)} around {string.Join(' ', shortcut)} {input}",
            [input.N * filters[0].C * input.H * input.W], input.N * filters[^1].K * (input.H / shrink) * (input.W / shrink),
            (b, prepared, s, target) => b.Convolution.Run(((Prepared)prepared!).Chain, input, s[0], target))
        {
            Prepare = b => new Prepared(b, filters, Activation.Relu, shortcut: new Prepared(b, shortcut, Activation.None)),
            Atol = 1e-5f,
        };
    }

    private static KernelCase Upsampled(ImageBatch input, params Conv2dFilter[] filters)
    {
        int pixels = input.N * input.H * input.W;
        return new($"neck {string.Join(' ', filters)} {input}", [filters[0].C * pixels, filters[0].K * pixels / 4], filters[^1].K * pixels,
            (b, prepared, s, target) => b.Convolution.Run(((Prepared)prepared!).Chain, input, s[0], target, s[1]))
        {
            Prepare = b => new Prepared(b, filters, Activation.None, upsampledAfter: 0),
            Atol = 1e-5f,
        };
    }

    private static Conv2dFilter Transposed(int c, int k) => new(c, k, 2, 2, 2);

    /// <summary>A 2x2 filter of stride 2 is a transposed convolution; ReLU behind all but the last.</summary>
    private static KernelCase Chain(string name, ImageBatch input, bool residual, Activation last, params Conv2dFilter[] filters)
    {
        int channels = filters.First(f => f != pool).C, h = input.H, w = input.W, k = channels;
        foreach (var f in filters)
        {
            (h, w) = f == pool ? (h / 2, w / 2) : f.Stride == 2 && f.R == 2 ? (2 * h, 2 * w)
                : (new Conv2dShape(f, new(1, h, w)).P, new Conv2dShape(f, new(1, h, w)).Q);
            k = f == pool ? k : f.K;
        }
        int x = input.N * channels * input.H * input.W, y = input.N * k * h * w;
        return new($"{name} {string.Join(' ', filters)} {input}", residual ? [x, y] : [x], y,
            (b, prepared, s, target) => b.Convolution.Run(((Prepared)prepared!).Chain, input, s[0], target, residual ? s[1] : null))
        {
            Prepare = b => new Prepared(b, filters, last),
            Atol = 1e-5f,
            InPlace = residual ? 1 : null,
        };
    }

    private sealed class Prepared : IDisposable
    {
        private readonly List<PreparedConvolution> _convolutions = [];
        private readonly Prepared? _shortcut;

        public Prepared(Backend backend, Conv2dFilter[] filters, Activation last, int upsampledAfter = -1, Prepared? shortcut = null)
        {
            _shortcut = shortcut;
            var links = new List<ConvolutionLink>();
            for (int i = 0; i < filters.Length; i++)
            {
                var f = filters[i];
                if (f == pool)
                {
                    links.Add(new ConvolutionLink(null, 2));
                    continue;
                }
                var activation = i == filters.Length - 1 ? last : Activation.Relu;
                bool transposed = f.Stride == 2 && f.R == 2;
                var weight = KernelCase.Values((int)f.WeightLength, 10 + i, 1.7f / MathF.Sqrt(transposed ? f.C : f.C * f.R * f.S));
                var bias = KernelCase.Values(f.K, 20 + i);
                _convolutions.Add(transposed ? backend.Convolution.PrepareTransposed2x2(f.C, f.K, weight, bias, activation)
                    : backend.Convolution.Prepare(f, weight, bias, activation));
                links.Add(new ConvolutionLink(_convolutions[^1], AddsUpsampled: i == upsampledAfter));
            }
            Chain = backend.Convolution.PrepareChain(shortcut?.Chain, links.ToArray());
        }

        public ConvolutionChain Chain { get; }

        public void Dispose()
        {
            _convolutions.ForEach(c => c.Dispose());
            _shortcut?.Dispose();
        }
    }
}
