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

    private sealed class Branch(Weights weights, int channels, int inner) : IDisposable
    {
        private readonly Conv2d _conv = new(weights, "0", new Conv2dFilter(channels, inner, 3, 3, 1, 1), "1", Activation.Relu);
        private readonly ConvTranspose2d _up1 = new(weights, "3", inner, inner, "4", Activation.Relu);
        private readonly ConvTranspose2d _up2 = new(weights, "6", inner, 1, null, Activation.Sigmoid);

        public Tensor Forward(Tensor neck)
        {
            using var scope = TensorScope.Begin();
            return scope.Keep(_up2.Forward(_up1.Forward(_conv.Forward(neck))));
        }

        public void Dispose()
        {
            _conv.Dispose();
            _up1.Dispose();
            _up2.Dispose();
        }
    }
}
