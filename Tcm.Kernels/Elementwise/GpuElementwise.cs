using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Elementwise;

internal sealed partial class GpuElementwise(GpuBackend backend) : ElementwiseMaps
{
    /// <summary>For the ladder benchmark and the tests.</summary>
    public GpuVersion Version { get; set; }

    public void Fill(Slice y, float value)
    {
        if (y.Length > 0)
        {
            var kernel = ElementwiseKernels.FillKernel;
            backend.Launch(kernel, Groups(kernel, y.Length),
                new FillArgs { Y = GpuBackend.LongView(y), Length = y.Length, Value = value });
        }
    }

    private protected override void ActivateCore(Activation activation, Slice x, Slice y)
    {
        switch (activation)
        {
            case Activation.None:
                if (x != y.Part(0, x.Length))
                {
                    Map(ElementwiseKernels.Affine, new GpuAffine(1, 0), x, y);
                }
                break;
            case Activation.Relu:
                Map(ElementwiseKernels.Relu, default, x, y);
                break;
            case Activation.QuickGelu:
                Map(ElementwiseKernels.QuickGelu, default, x, y);
                break;
            case Activation.Gelu:
                Map(ElementwiseKernels.Gelu, default, x, y);
                break;
            case Activation.Sigmoid:
                Map(ElementwiseKernels.Sigmoid, default, x, y);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(activation), activation, null);
        }
    }

    private protected override void AffineCore(float scale, float offset, Slice x, Slice y) =>
        Map(ElementwiseKernels.Affine, new GpuAffine(scale, offset), x, y);

    private protected override void BinaryCore(BinaryOp op, Broadcast broadcast, Slice a, Slice b, Slice y)
    {
        switch (op)
        {
            case BinaryOp.Add:
                Zip(ElementwiseKernels.AddScaled, new GpuAddScaled(1), broadcast, a, b, y);
                break;
            case BinaryOp.Subtract:
                Zip(ElementwiseKernels.AddScaled, new GpuAddScaled(-1), broadcast, a, b, y);
                break;
            case BinaryOp.Multiply:
                Zip(ElementwiseKernels.Product, default, broadcast, a, b, y);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(op), op, null);
        }
    }

    private protected override void AddScaledCore(float scale, Slice a, Slice b, Slice y) =>
        Zip(ElementwiseKernels.AddScaled, new GpuAddScaled(scale), Broadcast.Full(a.Length), a, b, y);

    private void Map<TOp>(ElementwiseKernels.MapPair<TOp> kernels, TOp op, Slice x, Slice y) where TOp : unmanaged, IGpuUnary
    {
        if (x.Length == 0)
        {
            return;
        }
        var args = new MapArgs<TOp>
        {
            X = GpuBackend.LongView(x),
            Y = GpuBackend.LongView(y),
            Length = x.Length,
            Op = op,
        };
        bool vector = Version == GpuVersion.Auto && (x.Offset | y.Offset) % 4 == 0;
        Launch(vector, kernels.Scalar, kernels.Vector, x.Length, args);
    }

    private void Zip<TOp>(ElementwiseKernels.ZipPair<TOp> kernels, TOp op, Broadcast broadcast, Slice a, Slice b, Slice y)
        where TOp : unmanaged, IGpuBinary
    {
        long length = broadcast.Length;
        if (length == 0)
        {
            return;
        }
        bool full = broadcast is { Middle: 1, Inner: 1, OuterStride: 1 };
        bool aligned = (a.Offset | y.Offset) % 4 == 0;
        bool fourOfB = b.Offset % 4 == 0
            && (full || (broadcast is { Inner: 1 } && broadcast.Middle % 4 == 0 && broadcast.OuterStride % 4 == 0));
        var args = new ZipArgs<TOp>
        {
            A = GpuBackend.LongView(a),
            B = GpuBackend.LongView(b),
            Y = GpuBackend.LongView(y),
            Length = length,
            OuterStride = broadcast.OuterStride,
            Middle = broadcast.Middle,
            Inner = broadcast.Inner,
            Full = full ? 1 : 0,
            Mode = !aligned ? 2 : fourOfB ? 0 : broadcast.Inner % 4 == 0 ? 1 : 2,
            Op = op,
        };
        Launch(Version == GpuVersion.Auto, kernels.Scalar, kernels.Vector, length, args);
    }

    private void Launch<TArgs>(bool vector, GpuKernel<TArgs> one, GpuKernel<TArgs> four, long length, TArgs args)
        where TArgs : struct => backend.Launch(vector ? four : one, Groups(one, vector ? (length + 3) / 4 : length), args);

    private static long Groups(GpuKernel kernel, long threads) => (threads + kernel.GroupSize - 1) / kernel.GroupSize;
}
