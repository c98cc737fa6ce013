namespace Tcm.Kernels.Resampling;

/// <summary>How an image is resized.</summary>
public enum ResizeMode
{
    /// <summary>source = floor(i * (in / out)) in single precision, as torch.nn.functional.interpolate(mode="nearest")</summary>
    Nearest,
    /// <summary>source = max(0, (i + 0.5) * in / out - 0.5), neighbours clamped: bilinear, align_corners=False</summary>
    Bilinear,
}

/// <summary>N images of C planes, resized from InH x InW to OutH x OutW; output images OutputStride floats apart.</summary>
public readonly record struct ResizeShape(int N, int C, int InH, int InW, int OutH, int OutW, long OutputStride)
{
    /// <summary>Output images that follow each other.</summary>
    public ResizeShape(int n, int c, int inH, int inW, int outH, int outW)
        : this(n, c, inH, inW, outH, outW, (long)c * outH * outW) { }
}

/// <summary>Resizes planes of floats. Thread-safe as far as its backend is.</summary>
public abstract partial class Resampler
{
    // Only Tcm derives from it, so that members can be added.
    private protected Resampler() { }

    /// <summary>y = resize(x), or y += resize(x) with <paramref name="accumulate"/>.</summary>
    /// <param name="mode">The interpolation.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="x">(N,C,InH,InW)</param>
    /// <param name="y">(N,C,OutH,OutW), images OutputStride apart</param>
    /// <param name="accumulate">Adds to what y holds.</param>
    public void Resize(ResizeMode mode, ResizeShape shape, Slice x, Slice y, bool accumulate = false)
    {
        const string op = "Resize";
        Check.That(shape.N > 0 && shape.C > 0 && shape.InH > 0 && shape.InW > 0 && shape.OutH > 0 && shape.OutW > 0
            && shape.OutputStride >= (long)shape.C * shape.OutH * shape.OutW, $"{op}: impossible shape {shape}");
        Check.Length(op, "x", x, (long)shape.N * shape.C * shape.InH * shape.InW);
        Check.Length(op, "y", y, (shape.N - 1) * shape.OutputStride + (long)shape.C * shape.OutH * shape.OutW);
        ResizeCore(mode, shape, x, y, accumulate);
    }

    private protected abstract void ResizeCore(ResizeMode mode, ResizeShape shape, Slice x, Slice y, bool accumulate);
}
