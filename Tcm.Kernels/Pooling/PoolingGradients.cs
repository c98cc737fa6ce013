namespace Tcm.Kernels.Pooling;

public abstract partial class AveragePooling
{
    /// <summary>dx = dy / kernel² in each block, 0 in rows and columns that no block covers.</summary>
    /// <param name="planes">N*C</param>
    /// <param name="h">Rows of dx.</param>
    /// <param name="w">Columns of dx.</param>
    /// <param name="kernel">Side of a block.</param>
    /// <param name="dy">(planes, h/kernel, w/kernel)</param>
    /// <param name="dx">(planes, h, w), overwritten</param>
    public void Backward(int planes, int h, int w, int kernel, Slice dy, Slice dx)
    {
        const string op = "AvgPool2d gradient";
        Check.That(planes > 0 && kernel > 0 && h >= kernel && w >= kernel,
            $"{op}: planes {planes} of {h}x{w} with kernel {kernel}");
        Check.Length(op, "dx", dx, (long)planes * h * w);
        Check.Length(op, "dy", dy, (long)planes * (h / kernel) * (w / kernel));
        BackwardCore(planes, h, w, kernel, dy, dx);
    }

    private protected abstract void BackwardCore(int planes, int h, int w, int kernel, Slice dy, Slice dx);
}
