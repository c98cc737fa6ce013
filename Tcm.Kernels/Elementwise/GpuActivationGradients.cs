using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Elementwise;

/// <summary>Launchers of <see cref="ActivationGradientKernels"/>.</summary>
internal sealed partial class GpuElementwise
{
    private protected override void ActivateBackwardCore(Activation activation, Slice x, Slice y, Slice dy, Slice dx)
    {
        switch (activation)
        {
            case Activation.None:
                ActivateCore(Activation.None, dy.Part(0, x.Length), dx);
                break;
            case Activation.Relu:
                Slope(ActivationGradientKernels.Relu, x, y, dy, dx);
                break;
            case Activation.QuickGelu:
                Slope(ActivationGradientKernels.QuickGelu, x, y, dy, dx);
                break;
            case Activation.Gelu:
                Slope(ActivationGradientKernels.Gelu, x, y, dy, dx);
                break;
            case Activation.Sigmoid:
                Slope(ActivationGradientKernels.Sigmoid, x, y, dy, dx);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(activation), activation, null);
        }
    }

    private void Slope<T>(ActivationGradientKernels.Pair<T> kernels, Slice x, Slice y, Slice dy, Slice dx)
        where T : struct, IGpuSlope
    {
        if (x.Length == 0)
        {
            return;
        }
        bool vector = Version == GpuVersion.Auto && (x.Offset | y.Offset | dy.Offset | dx.Offset) % 4 == 0;
        Launch(vector, kernels.Scalar, kernels.Vector, x.Length, new SlopeArgs
        {
            X = GpuBackend.LongView(x),
            Y = GpuBackend.LongView(y),
            Dy = GpuBackend.LongView(dy),
            Dx = GpuBackend.LongView(dx),
            Length = x.Length,
        });
    }
}
