using Tcm.Kernels;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>Normalises the last axis to mean 0 and variance 1, then scales by gamma and shifts by beta.</summary>
    public static Tensor LayerNorm(Tensor x, Tensor gamma, Tensor beta, float eps = 1e-5f)
    {
        SameBackend("LayerNorm", x, gamma);
        int columns = x.Shape[-1];
        if (gamma.Length != columns || beta.Length != columns)
        {
            throw new ShapeException($"LayerNorm: x {x.Shape}, gamma {gamma.Shape}, beta {beta.Shape}");
        }
        var y = new Tensor(x.Backend, x.Shape);
        x.Backend.Normalization.LayerNorm(checked((int)(x.Length / columns)), columns, eps, x.Data, gamma.Data, beta.Data,
            y.Data);
        return y;
    }

    /// <summary>x / max(||x||, eps) over the last axis.</summary>
    public static Tensor L2Normalize(Tensor x, float eps = 1e-12f)
    {
        int columns = x.Shape[-1];
        var y = new Tensor(x.Backend, x.Shape);
        x.Backend.Normalization.L2Normalize(checked((int)(x.Length / columns)), columns, eps, x.Data, y.Data);
        return y;
    }

    /// <summary>Softmax over the last axis.</summary>
    public static Tensor Softmax(Tensor x)
    {
        int columns = x.Shape[-1];
        var y = new Tensor(x.Backend, x.Shape);
        x.Backend.Normalization.Softmax(checked((int)(x.Length / columns)), columns, x.Data, y.Data);
        return y;
    }
}
