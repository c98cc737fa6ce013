namespace Tcm.Kernels.Pooling;

/// <summary>
/// Average pooling with stride = kernel and no padding, the only pooling of CLIP's ResNet. Thread-safe as far as its backend is.
/// </summary>
public abstract partial class AveragePooling
{
    // Only Tcm derives from it, so that members can be added.
    private protected AveragePooling() { }

    /// <summary>y[p, i, j] = mean of the kernel x kernel block of x[p] at (i*kernel, j*kernel); floor mode.</summary>
    /// <param name="planes">N*C</param>
    /// <param name="h">Input rows, at least <paramref name="kernel"/>.</param>
    /// <param name="w">Input columns, at least <paramref name="kernel"/>.</param>
    /// <param name="kernel">Side of a block and stride.</param>
    /// <param name="x">(planes, h, w)</param>
    /// <param name="y">(planes, h/kernel, w/kernel)</param>
    public void Forward(int planes, int h, int w, int kernel, Slice x, Slice y)
    {
        const string op = "AvgPool2d";
        Check.That(planes > 0 && kernel > 0 && h >= kernel && w >= kernel,
            $"{op}: planes {planes} of {h}x{w} with kernel {kernel}");
        Check.Length(op, "x", x, (long)planes * h * w);
        Check.Length(op, "y", y, (long)planes * (h / kernel) * (w / kernel));
        ForwardCore(planes, h, w, kernel, x, y);
    }

    private protected abstract void ForwardCore(int planes, int h, int w, int kernel, Slice x, Slice y);
}
