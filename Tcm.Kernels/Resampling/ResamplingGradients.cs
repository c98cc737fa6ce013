namespace Tcm.Kernels.Resampling;

public abstract partial class Resampler
{
    /// <summary>dx = the transposed map of <see cref="Resize"/> applied to dy: every output's gradient goes to the inputs it read.</summary>
    /// <param name="mode">The interpolation.</param>
    /// <param name="shape">Sizes of the forward pass.</param>
    /// <param name="dy">(N,C,OutH,OutW), images OutputStride apart</param>
    /// <param name="dx">(N,C,InH,InW), overwritten</param>
    public void ResizeBackward(ResizeMode mode, ResizeShape shape, Slice dy, Slice dx)
    {
        const string op = "Resize gradient";
        Check.That(shape.N > 0 && shape.C > 0 && shape.InH > 0 && shape.InW > 0 && shape.OutH > 0 && shape.OutW > 0
            && shape.OutputStride >= (long)shape.C * shape.OutH * shape.OutW, $"{op}: impossible shape {shape}");
        Check.Length(op, "dx", dx, (long)shape.N * shape.C * shape.InH * shape.InW);
        Check.Length(op, "dy", dy, (shape.N - 1) * shape.OutputStride + (long)shape.C * shape.OutH * shape.OutW);
        ResizeBackwardCore(mode, shape, dy, dx);
    }

    private protected abstract void ResizeBackwardCore(ResizeMode mode, ResizeShape shape, Slice dy, Slice dx);
}
