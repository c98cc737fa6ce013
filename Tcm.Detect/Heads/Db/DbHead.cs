using Tcm.Kernels;
using Tcm.Kernels.Convolution;
using Tcm.Nn;
using Tcm.Nn.Layers;

namespace Tcm.Detect.Heads.Db;

/// <summary>DBNet's head (Liao et al. 2020; heads.md section 2.2): a probability map and a threshold map at full size.</summary>
internal sealed class DbHead(Weights weights, int channels, int inner) : IDisposable
{
    /// <summary>Steepness k of the approximate step B = sigmoid(k (P - T)).</summary>
    private const float Steepness = 50;

    private readonly Branch _binarize = new(weights / "binarize", channels, inner);
    private readonly Branch _threshold = new(weights / "threshold", channels, inner);

    /// <summary>neck (B,C,H/4,W/4) to P (B,1,H,W).</summary>
    public Tensor Probability(Tensor neck) => _binarize.Forward(neck);

    /// <summary>neck (B,C,H/4,W/4) to T (B,1,H,W); not needed to detect.</summary>
    public Tensor Threshold(Tensor neck) => _threshold.Forward(neck);

    /// <summary>The approximate binary map B (B,1,H,W).</summary>
    public static Tensor Binary(Tensor probability, Tensor threshold)
    {
        using var scope = TensorScope.Begin();
        var steep = Functional.Affine(Functional.Subtract(probability, threshold), Steepness);
        return scope.Keep(Functional.Activate(steep, Activation.Sigmoid));
    }

    public void Dispose()
    {
        _binarize.Dispose();
        _threshold.Dispose();
    }

    private sealed class Branch : IDisposable
    {
        private readonly Conv2d _conv;
        private readonly ConvTranspose2d _up1, _up2;
        private readonly ConvolutionSequence _sequence;

        public Branch(Weights weights, int channels, int inner)
        {
            _conv = new Conv2d(weights, "0", new Conv2dFilter(channels, inner, 3, 3, 1, 1), "1", Activation.Relu);
            _up1 = new ConvTranspose2d(weights, "3", inner, inner, "4", Activation.Relu);
            _up2 = new ConvTranspose2d(weights, "6", inner, 1, null, Activation.Sigmoid);
            _sequence = new ConvolutionSequence(weights.Backend, _conv, _up1, _up2);
        }

        public Tensor Forward(Tensor neck) => _sequence.Forward(neck);

        public void Dispose()
        {
            _conv.Dispose();
            _up1.Dispose();
            _up2.Dispose();
        }
    }
}
