using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Resampling;

// y = resize(x) or y += resize(x); planes of (N,C), output images OutputStride apart.
//   V1 Nearest, Bilinear with 1 plane a thread   coordinates are computed for every value.
//   V2 the same kernels, 8 planes a thread       coordinates are computed once for 8 planes. <- default for large results
// Coordinates are float32, as PyTorch computes them, because floor() makes the difference visible.
internal static class ResamplingKernels
{
    public static void Nearest(ResizeArgs args)
    {
        int tiles = (args.OutH * args.OutW + Group.DimX - 1) / Group.DimX;
        int chunk = Grid.IdxX / tiles;
        int pixel = (Grid.IdxX - chunk * tiles) * Group.DimX + Group.IdxX;
        if (pixel >= args.OutH * args.OutW)
        {
            return;
        }
        int row = (int)(pixel / args.OutW * args.ScaleH), column = (int)(pixel % args.OutW * args.ScaleW);
        int at = (row < args.InH ? row : args.InH - 1) * args.InW + (column < args.InW ? column : args.InW - 1);
        int first = chunk * args.PlanesPerThread;
        for (int plane = first; plane < first + args.PlanesPerThread && plane < args.Planes; plane++)
        {
            Put(args, plane, pixel, args.X[plane * args.InH * args.InW + at]);
        }
    }

    public static void Bilinear(ResizeArgs args)
    {
        int tiles = (args.OutH * args.OutW + Group.DimX - 1) / Group.DimX;
        int chunk = Grid.IdxX / tiles;
        int pixel = (Grid.IdxX - chunk * tiles) * Group.DimX + Group.IdxX;
        if (pixel >= args.OutH * args.OutW)
        {
            return;
        }
        float h = (pixel / args.OutW + 0.5f) * args.ScaleH - 0.5f, w = (pixel % args.OutW + 0.5f) * args.ScaleW - 0.5f;
        h = h > 0 ? h : 0;
        w = w > 0 ? w : 0;
        int top = (int)h, left = (int)w;
        top = top < args.InH ? top : args.InH - 1;
        left = left < args.InW ? left : args.InW - 1;
        int down = top + 1 < args.InH ? args.InW : 0, right = left + 1 < args.InW ? 1 : 0;
        float v = h - top, u = w - left;
        int at = top * args.InW + left;
        int first = chunk * args.PlanesPerThread;
        for (int plane = first; plane < first + args.PlanesPerThread && plane < args.Planes; plane++)
        {
            int corner = plane * args.InH * args.InW + at;
            float upper = (1 - u) * args.X[corner] + u * args.X[corner + right];
            float lower = (1 - u) * args.X[corner + down] + u * args.X[corner + down + right];
            Put(args, plane, pixel, (1 - v) * upper + v * lower);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(ResizeArgs args, int plane, int pixel, float value)
    {
        int image = plane / args.C;
        int at = image * args.ImageStride + (plane - image * args.C) * args.OutH * args.OutW + pixel;
        if (args.Accumulate != 0)
        {
            value += args.Y[at];
        }
        args.Y[at] = value;
    }

    public static GpuKernel<ResizeArgs> NearestKernel { get; } = new(Nearest);

    public static GpuKernel<ResizeArgs> BilinearKernel { get; } = new(Bilinear);

    public static IEnumerable<GpuKernel> All => [NearestKernel, BilinearKernel];
}

/// <summary>Arguments of the resize kernels.</summary>
internal struct ResizeArgs
{
    public ArrayView<float> X, Y;
    public int Planes, PlanesPerThread, C, InH, InW, OutH, OutW, ImageStride, Accumulate;
    public float ScaleH, ScaleW;
}
