using ILGPU;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Images;

// y (3, PaddedH, PaddedW) from interleaved RGB bytes; one thread a pixel writes its three planes. Memory-bound: 3 bytes in,
// 12 out, so the naive form is the only one.
internal static class ImageKernels
{
    public static void NormalizePad(NormalizePadArgs args)
    {
        int pixel = Grid.IdxX * Group.DimX + Group.IdxX;
        int plane = args.PaddedH * args.PaddedW;
        if (pixel >= plane)
        {
            return;
        }
        int row = pixel / args.PaddedW, column = pixel - row * args.PaddedW;
        float r = 0, g = 0, b = 0;
        if (row < args.H && column < args.W)
        {
            int at = (row * args.W + column) * 3;
            r = (args.Rgb[at] - args.MeanR) * args.ScaleR;
            g = (args.Rgb[at + 1] - args.MeanG) * args.ScaleG;
            b = (args.Rgb[at + 2] - args.MeanB) * args.ScaleB;
        }
        args.Y[pixel] = r;
        args.Y[plane + pixel] = g;
        args.Y[2 * plane + pixel] = b;
    }

    public static GpuKernel<NormalizePadArgs> NormalizePadKernel { get; } = new(NormalizePad);

    public static IEnumerable<GpuKernel> All => [NormalizePadKernel];
}

/// <summary>Arguments of <see cref="ImageKernels.NormalizePad"/>; rows of Rgb follow each other.</summary>
internal struct NormalizePadArgs
{
    public ArrayView<byte> Rgb;
    public ArrayView<float> Y;
    public int H, W, PaddedH, PaddedW;
    public float MeanR, MeanG, MeanB, ScaleR, ScaleG, ScaleB;
}
