using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Elementwise;

// Maps y = f(x), y = f(a, b). Memory-bound; indices are 64 bits wide because a map may cover any tensor.
//   V1 Map, Zip      one thread an element, b found by division.
//   V2 Map4, Zip4    one thread four neighbours, 128-bit loads and stores where slices start on 16 bytes. <- default
internal static class ElementwiseKernels
{
    public static void Map<TOp>(MapArgs<TOp> args) where TOp : unmanaged, IGpuUnary
    {
        long i = Thread();
        if (i < args.Length)
        {
            args.Y[i] = args.Op.Apply(args.X[i]);
        }
    }

    public static void Map4<TOp>(MapArgs<TOp> args) where TOp : unmanaged, IGpuUnary
    {
        long i = Thread() * 4;
        if (i + 3 < args.Length)
        {
            var x = args.X.Cast<Float4>()[i / 4];
            args.Y.Cast<Float4>()[i / 4] = new Float4(args.Op.Apply(x.X), args.Op.Apply(x.Y), args.Op.Apply(x.Z),
                args.Op.Apply(x.W));
        }
        else
        {
            for (; i < args.Length; i++)
            {
                args.Y[i] = args.Op.Apply(args.X[i]);
            }
        }
    }

    /// <summary>a and y are (outer, Middle, Inner), b is found at o * OuterStride + m.</summary>
    public static void Zip<TOp>(ZipArgs<TOp> args) where TOp : unmanaged, IGpuBinary
    {
        long i = Thread();
        if (i < args.Length)
        {
            args.Y[i] = args.Op.Apply(args.A[i], args.B[Operand(i, args.Middle, args.Inner, args.OuterStride)]);
        }
    }

    /// <summary>As <see cref="Zip{TOp}"/>. Mode 0: four values of b; 1: b is one value for the four; 2: any.</summary>
    public static void Zip4<TOp>(ZipArgs<TOp> args) where TOp : unmanaged, IGpuBinary
    {
        long i = Thread() * 4;
        if (i + 3 < args.Length && args.Mode < 2)
        {
            var a = args.A.Cast<Float4>()[i / 4];
            long at = args.Full != 0 ? i : Operand(i, args.Middle, args.Inner, args.OuterStride);
            Float4 b;
            if (args.Mode == 0)
            {
                b = args.B.Cast<Float4>()[at / 4];
            }
            else
            {
                float shared = args.B[at];
                b = new Float4(shared, shared, shared, shared);
            }
            args.Y.Cast<Float4>()[i / 4] = new Float4(args.Op.Apply(a.X, b.X), args.Op.Apply(a.Y, b.Y),
                args.Op.Apply(a.Z, b.Z), args.Op.Apply(a.W, b.W));
        }
        else
        {
            for (int n = 0; n < 4 && i < args.Length; n++, i++)
            {
                args.Y[i] = args.Op.Apply(args.A[i],
                    args.B[args.Full != 0 ? i : Operand(i, args.Middle, args.Inner, args.OuterStride)]);
            }
        }
    }

    public static void Fill(FillArgs args)
    {
        long i = Thread();
        if (i < args.Length)
        {
            args.Y[i] = args.Value;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Thread() => (long)Grid.IdxX * Group.DimX + Group.IdxX;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Operand(long i, int middle, int inner, long outerStride)
    {
        long row = i / inner, outer = row / middle;
        return outer * outerStride + (row - outer * middle);
    }

    /// <summary>V1 and V2 of one operation.</summary>
    public sealed record MapPair<TOp>(GpuKernel<MapArgs<TOp>> Scalar, GpuKernel<MapArgs<TOp>> Vector)
        where TOp : unmanaged, IGpuUnary
    {
        public MapPair() : this(new(Map<TOp>), new(Map4<TOp>)) { }
    }

    /// <summary>V1 and V2 of one operation.</summary>
    public sealed record ZipPair<TOp>(GpuKernel<ZipArgs<TOp>> Scalar, GpuKernel<ZipArgs<TOp>> Vector)
        where TOp : unmanaged, IGpuBinary
    {
        public ZipPair() : this(new(Zip<TOp>), new(Zip4<TOp>)) { }
    }

    public static MapPair<GpuActivate<GpuRelu>> Relu { get; } = new();

    public static MapPair<GpuActivate<GpuQuickGelu>> QuickGelu { get; } = new();

    public static MapPair<GpuActivate<GpuGelu>> Gelu { get; } = new();

    public static MapPair<GpuActivate<GpuSigmoid>> Sigmoid { get; } = new();

    public static MapPair<GpuAffine> Affine { get; } = new();

    public static ZipPair<GpuAddScaled> AddScaled { get; } = new();

    public static ZipPair<GpuProduct> Product { get; } = new();

    public static GpuKernel<FillArgs> FillKernel { get; } = new(Fill);

    public static IEnumerable<GpuKernel> All =>
    [
        Relu.Scalar, Relu.Vector, QuickGelu.Scalar, QuickGelu.Vector, Gelu.Scalar, Gelu.Vector, Sigmoid.Scalar,
        Sigmoid.Vector, Affine.Scalar, Affine.Vector, AddScaled.Scalar, AddScaled.Vector, Product.Scalar, Product.Vector,
        FillKernel,
    ];
}

/// <summary>Arguments of a unary map.</summary>
internal struct MapArgs<TOp> where TOp : unmanaged, IGpuUnary
{
    public ArrayView<float> X, Y;
    public long Length;
    public TOp Op;
}

/// <summary>Arguments of a binary map.</summary>
internal struct ZipArgs<TOp> where TOp : unmanaged, IGpuBinary
{
    public ArrayView<float> A, B, Y;
    public long Length, OuterStride;
    public int Middle, Inner, Full, Mode;
    public TOp Op;
}

/// <summary>Arguments of <see cref="ElementwiseKernels.Fill"/>.</summary>
internal struct FillArgs
{
    public ArrayView<float> Y;
    public long Length;
    public float Value;
}
