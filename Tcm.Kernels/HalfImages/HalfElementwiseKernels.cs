using ILGPU;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.HalfImages;

// Sums and products of images or tokens in half precision: one thread a chunk of eight channels, 128 bits at a time, FP32 in
// between. The second operand may be shorter (HalfPairArgs): one image for all, or one pixel for each image or for all.
internal static class HalfElementwiseKernels
{
    /// <summary>a + scale * b</summary>
    public static void Add(HalfPairArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i < args.Count)
        {
            Word4 a = args.A[i], b = args.B[i / args.Run * args.Stride + i % args.Period];
            args.Y[i] = Half8.Pack(Tile4x4.Fma(args.Scale, Half8.Low(b), Half8.Low(a)),
                Tile4x4.Fma(args.Scale, Half8.High(b), Half8.High(a)));
        }
    }

    /// <summary>a * b</summary>
    public static void Multiply(HalfPairArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i < args.Count)
        {
            Word4 a = args.A[i], b = args.B[i / args.Run * args.Stride + i % args.Period];
            args.Y[i] = Half8.Pack(HalfImageKernels.Product(Half8.Low(a), Half8.Low(b)),
                HalfImageKernels.Product(Half8.High(a), Half8.High(b)));
        }
    }

    public static GpuKernel<HalfPairArgs> AddKernel { get; } = new(Add);

    public static GpuKernel<HalfPairArgs> MultiplyKernel { get; } = new(Multiply);

    public static IEnumerable<GpuKernel> All => [AddKernel, MultiplyKernel];
}

/// <summary>Arguments of <see cref="HalfElementwiseKernels"/>.</summary>
internal struct HalfPairArgs
{
    public ArrayView<Word4> A, B, Y;
    public int Count;

    /// <summary>
    /// Chunks of an image of a; those by which b moves on from image to image (0: it has one); those after which b repeats within
    /// an image (all of them: it does not; those of a pixel: it has one).
    /// </summary>
    public int Run, Stride, Period;

    public float Scale;
}
