using Tcm.Kernels;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Resampling;

namespace Tcm.Nn.Layers;

/// <summary>
/// Convolutions and average poolings one after the other, as one operation where nothing is trained: what lies between them then
/// need not exist as a whole. Does not own its layers. May be used from many threads.
/// </summary>
public sealed class ConvolutionSequence
{
    private readonly Step[] _steps;
    private readonly ConvolutionChain? _chain;
    private readonly ConvolutionSequence? _shortcut;
    private readonly bool _upsamples;

    /// <param name="backend">Where the layers run.</param>
    /// <param name="steps">At least one convolution.</param>
    public ConvolutionSequence(Backend backend, params ReadOnlySpan<Step> steps) : this(backend, null, steps)
    {
    }

    /// <param name="backend">Where the layers run.</param>
    /// <param name="shortcut">What goes around the steps, from the same input: its result is their residual. Null for none.</param>
    /// <param name="steps">At least one convolution.</param>
    public ConvolutionSequence(Backend backend, ConvolutionSequence? shortcut, params ReadOnlySpan<Step> steps)
    {
        _steps = steps.ToArray();
        _shortcut = shortcut;
        _upsamples = _steps.Any(s => s.AddsUpsampled);
        if (_steps.All(s => !s.IsTrained) && (shortcut is null || shortcut._chain is not null))
        {
            var links = new List<ConvolutionLink>();
            foreach (var step in _steps)
            {
                if (step.AddsUpsampled)
                {
                    links[^1] = links[^1] with { AddsUpsampled = true };
                }
                else
                {
                    links.Add(step.Link);
                }
            }
            _chain = backend.Convolution.PrepareChain(shortcut?._chain, links.ToArray());
        }
    }

    /// <summary>
    /// x (N,C,H,W) through all steps. The residual goes where <see cref="Step.AddUpsampled"/> says; without that step, the last one, a
    /// <see cref="Conv2d"/>, adds it before its activation. With a shortcut there is no other residual.
    /// </summary>
    public Tensor Forward(Tensor x, Tensor? residual = null) => Run(x, residual, overwrite: false);

    /// <summary>
    /// As <see cref="Forward"/>, for a residual that is not used any more, which may be <paramref name="x"/>: outside of training
    /// the result takes its memory where that can be.
    /// </summary>
    public Tensor ForwardOnto(Tensor x, Tensor residual) => Run(x, residual, overwrite: true);

    private Tensor Run(Tensor x, Tensor? residual, bool overwrite)
    {
        if (_shortcut is not null && residual is not null)
        {
            throw new ArgumentException("ConvolutionSequence: a residual besides a shortcut", nameof(residual));
        }
        // Images in half precision have kernels layer by layer.
        if (_chain is null || x.Backend.HalfImages is not null)
        {
            using var scope = TensorScope.Begin();
            return scope.Keep(LayerByLayer(x, _shortcut?.Forward(x) ?? residual, (overwrite || _shortcut is not null) && _chain is not null));
        }
        var s = x.Shape;
        if (s.Rank != 4 || s[1] != _chain.C)
        {
            throw new ShapeException($"ConvolutionSequence: x {s}, expected (N,{_chain.C},H,W)");
        }
        var (p, q) = _chain.OutputSize(s[2], s[3]);
        Shape shape = [s[0], _chain.K, p, q];
        if (residual is not null && !_chain.AddsUpsampled && residual.Shape != shape)
        {
            throw new ShapeException($"ConvolutionSequence: residual {residual.Shape}, result {shape}");
        }
        var input = new ImageBatch(s[0], s[2], s[3]);
        overwrite &= !(ReferenceEquals(residual, x) && _chain.WritesEarly(input));
        var y = overwrite ? residual!.Share() : new Tensor(x.Backend, shape);
        x.Backend.Convolution.Run(_chain, input, x.Data, y.Data, residual?.Data);
        return y;
    }

    private Tensor LayerByLayer(Tensor x, Tensor? residual, bool overwrite)
    {
        using var scope = TensorScope.Begin();
        var y = x;
        for (int i = 0; i < _steps.Length; i++)
        {
            y = _steps[i].Run(y, _steps[i].AddsUpsampled || (i == _steps.Length - 1 && !_upsamples) ? residual : null, overwrite);
        }
        return scope.Keep(y);
    }

    /// <summary>A convolution, a transposed one, or an average pooling.</summary>
    public readonly struct Step
    {
        private readonly Conv2d? _convolution;
        private readonly ConvTranspose2d? _transposed;
        /// <summary>0 for a layer, else a pooling's side, or this.</summary>
        private readonly int _pooling;

        private const int Upsampling = -1;

        private Step(Conv2d? convolution, ConvTranspose2d? transposed, int pooling) =>
            (_convolution, _transposed, _pooling) = (convolution, transposed, pooling);

        /// <summary>Adds the residual, whose height and width are half of the map's, each value to a block of 2x2.</summary>
        public static Step AddUpsampled { get; } = new(null, null, Upsampling);

        internal bool AddsUpsampled => _pooling == Upsampling;

        internal bool IsTrained => _pooling == 0 && (_convolution?.Prepared ?? _transposed?.Prepared) is null;

        internal ConvolutionLink Link => new(_convolution?.Prepared ?? _transposed?.Prepared, Math.Max(_pooling, 1));

        /// <summary>A layer as a step.</summary>
        public static implicit operator Step(Conv2d layer) => new(layer, null, 0);

        /// <summary>A layer as a step.</summary>
        public static implicit operator Step(ConvTranspose2d layer) => new(null, layer, 0);

        /// <summary>Average pooling with stride = kernel.</summary>
        public static Step AvgPool(int kernel) => new(null, null, kernel);

        internal Tensor Run(Tensor x, Tensor? residual, bool overwrite) => _convolution is not null
            ? overwrite && residual is not null ? _convolution.ForwardOnto(x, residual) : _convolution.Forward(x, residual)
            : _transposed is not null ? _transposed.Forward(x)
            : AddsUpsampled ? Functional.AddUpsampled(x, residual!, ResizeMode.Nearest) : Functional.AvgPool2d(x, _pooling);
    }
}
