namespace Tcm.Kernels.Normalization;

/// <summary>A batch of images to normalise by channel.</summary>
/// <param name="N">Images.</param>
/// <param name="C">Channels.</param>
/// <param name="Pixels">Pixels of a plane.</param>
/// <param name="Eps">Added to the variance.</param>
/// <param name="Momentum">Share of the new statistics in the running ones.</param>
/// <param name="Training">Statistics of the batch (which also move the running ones) instead of the running statistics.</param>
public readonly record struct BatchNormShape(int N, int C, int Pixels, float Eps, float Momentum, bool Training)
{
    /// <summary>Values of a tensor (N,C,Pixels).</summary>
    public long Length => (long)N * C * Pixels;
}

/// <summary>
/// BatchNorm2d while training, with the residual and the activation that follow it: y = act(gamma * (x - mean) * invStd +
/// beta + residual), mean and biased variance over the images and pixels of a channel. At inference the norm is folded into
/// the convolution before it (<see cref="BatchNormFolding"/>). Thread-safe as far as its backend is.
/// </summary>
public abstract class BatchNormalization
{
    // Only Tcm derives from it, so that members can be added.
    private protected BatchNormalization() { }

    /// <summary>Normalises.</summary>
    /// <param name="shape">Sizes and mode.</param>
    /// <param name="activation">None or ReLU, applied last.</param>
    /// <param name="x">(N,C,Pixels)</param>
    /// <param name="gamma">(C)</param>
    /// <param name="beta">(C)</param>
    /// <param name="residual">(N,C,Pixels) or null</param>
    /// <param name="runningMean">(C); in training running += momentum * (mean - running)</param>
    /// <param name="runningVar">(C); the same with the unbiased variance</param>
    /// <param name="y">(N,C,Pixels); may be x</param>
    /// <param name="mean">(C), the mean that was used, for the gradient</param>
    /// <param name="invStd">(C), 1 / sqrt(variance + eps) that was used, for the gradient</param>
    public void Forward(BatchNormShape shape, Activation activation, Slice x, Slice gamma, Slice beta, Slice? residual,
        Slice runningMean, Slice runningVar, Slice y, Slice mean, Slice invStd)
    {
        const string op = "BatchNorm2d";
        Validate(op, shape, activation);
        Check.Length(op, "x", x, shape.Length);
        Check.Length(op, "y", y, shape.Length);
        if (residual is { } r)
        {
            Check.Length(op, "residual", r, shape.Length);
        }
        foreach (var (name, slice) in (ReadOnlySpan<(string, Slice)>)[("gamma", gamma), ("beta", beta), ("running_mean", runningMean),
            ("running_var", runningVar), ("mean", mean), ("invStd", invStd)])
        {
            Check.Length(op, name, slice, shape.C);
        }
        ForwardCore(shape, activation, x, gamma, beta, residual, runningMean, runningVar, y, mean, invStd);
    }

    /// <summary>Gradients of <see cref="Forward"/>.</summary>
    /// <param name="shape">Sizes and mode of the forward pass.</param>
    /// <param name="activation">As forward.</param>
    /// <param name="x">(N,C,Pixels), the input of the forward pass</param>
    /// <param name="y">(N,C,Pixels), its result; read only where the activation is ReLU</param>
    /// <param name="gamma">(C)</param>
    /// <param name="mean">(C), from the forward pass</param>
    /// <param name="invStd">(C), from the forward pass</param>
    /// <param name="dy">(N,C,Pixels); on return the gradient before the activation, which is the residual's gradient</param>
    /// <param name="dx">(N,C,Pixels), overwritten; not dy</param>
    /// <param name="dgamma">(C), overwritten</param>
    /// <param name="dbeta">(C), overwritten</param>
    public void Backward(BatchNormShape shape, Activation activation, Slice x, Slice y, Slice gamma, Slice mean, Slice invStd,
        Slice dy, Slice dx, Slice dgamma, Slice dbeta)
    {
        const string op = "BatchNorm2d gradient";
        Validate(op, shape, activation);
        foreach (var (name, slice) in (ReadOnlySpan<(string, Slice)>)[("x", x), ("y", y), ("dy", dy), ("dx", dx)])
        {
            Check.Length(op, name, slice, shape.Length);
        }
        foreach (var (name, slice) in (ReadOnlySpan<(string, Slice)>)[("gamma", gamma), ("mean", mean), ("invStd", invStd),
            ("dgamma", dgamma), ("dbeta", dbeta)])
        {
            Check.Length(op, name, slice, shape.C);
        }
        BackwardCore(shape, activation, x, y, gamma, mean, invStd, dy, dx, dgamma, dbeta);
    }

    private static void Validate(string op, BatchNormShape shape, Activation activation)
    {
        Check.That(shape.N > 0 && shape.C > 0 && shape.Pixels > 0, $"{op}: impossible shape {shape}");
        Check.That(!shape.Training || (long)shape.N * shape.Pixels > 1, $"{op}: one value a channel has no variance to train on");
        Check.That(activation is Activation.None or Activation.Relu, $"{op}: activation {activation}, expected None or Relu");
    }

    private protected abstract void ForwardCore(BatchNormShape shape, Activation activation, Slice x, Slice gamma, Slice beta,
        Slice? residual, Slice runningMean, Slice runningVar, Slice y, Slice mean, Slice invStd);

    private protected abstract void BackwardCore(BatchNormShape shape, Activation activation, Slice x, Slice y, Slice gamma,
        Slice mean, Slice invStd, Slice dy, Slice dx, Slice dgamma, Slice dbeta);
}
