using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Resampling;

/// <summary>One axis of a resize: which inputs an output reads. Indices never fall as outputs rise.</summary>
internal interface IResizeAxis
{
    /// <summary>An output at or before the first one that reads this input.</summary>
    static abstract int First(int input, float scale);

    /// <summary>Where output i reads: the whole part is an input, the fraction the weight of the next one.</summary>
    static abstract float Position(int i, float scale);
}

/// <summary>Input floor(i * scale), alone.</summary>
internal readonly struct NearestAxis : IResizeAxis
{
    // One less than the quotient, because both products are rounded.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int First(int input, float scale) => (int)(input / scale) - 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Position(int i, float scale) => (int)(i * scale);
}

/// <summary>Inputs around (i + 0.5) * scale - 0.5.</summary>
internal readonly struct BilinearAxis : IResizeAxis
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int First(int input, float scale) => (int)((input - 0.5f) / scale - 0.5f) - 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Position(int i, float scale)
    {
        float position = (i + 0.5f) * scale - 0.5f;
        return position > 0 ? position : 0;
    }
}

// dx = transposed resize of dy. Every input gathers from the outputs that read it: no atomics, and sums that repeat.
//   V1 Gather   one thread an input.
//   V2 Gather4  one thread the same input of four planes, so that weights are computed once for four. <- default from 4 planes
// Coordinates are the forward kernels' (float32), so that the same outputs are found.
internal static class ResamplingGradientKernels
{
    public const int Planes = 4;

    public static void Gather<TAxis>(ResizeGradientArgs args) where TAxis : struct, IResizeAxis
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Threads)
        {
            return;
        }
        int column = i % args.InW, row = i / args.InW % args.InH, plane = i / (args.InW * args.InH);
        int start = Start(args, plane), firstColumn = First<TAxis>(column, args.ScaleW);
        float sum = 0;
        for (int y = First<TAxis>(row, args.ScaleH); y < args.OutH; y++)
        {
            int top = Index<TAxis>(y, args.ScaleH, args.InH);
            if (top > row)
            {
                break;
            }
            float weight = Weight<TAxis>(y, args.ScaleH, args.InH, top, row), line = 0;
            for (int x = firstColumn; x < args.OutW; x++)
            {
                int left = Index<TAxis>(x, args.ScaleW, args.InW);
                if (left > column)
                {
                    break;
                }
                line += Weight<TAxis>(x, args.ScaleW, args.InW, left, column) * args.Dy[start + y * args.OutW + x];
            }
            sum += weight * line;
        }
        args.Dx[i] = sum;
    }

    public static void Gather4<TAxis>(ResizeGradientArgs args) where TAxis : struct, IResizeAxis
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Threads)
        {
            return;
        }
        int pixels = args.InW * args.InH;
        int column = i % args.InW, row = i / args.InW % args.InH, p0 = i / pixels * Planes;
        // Beyond the last plane the last one is read again, and not stored.
        int p1 = p0 + 1 < args.Planes ? p0 + 1 : p0, p2 = p0 + 2 < args.Planes ? p0 + 2 : p0;
        int p3 = p0 + 3 < args.Planes ? p0 + 3 : p0;
        int s0 = Start(args, p0), s1 = Start(args, p1), s2 = Start(args, p2), s3 = Start(args, p3);
        int firstColumn = First<TAxis>(column, args.ScaleW);
        float d0 = 0, d1 = 0, d2 = 0, d3 = 0;
        for (int y = First<TAxis>(row, args.ScaleH); y < args.OutH; y++)
        {
            int top = Index<TAxis>(y, args.ScaleH, args.InH);
            if (top > row)
            {
                break;
            }
            float weight = Weight<TAxis>(y, args.ScaleH, args.InH, top, row);
            for (int x = firstColumn; x < args.OutW; x++)
            {
                int left = Index<TAxis>(x, args.ScaleW, args.InW), at = y * args.OutW + x;
                if (left > column)
                {
                    break;
                }
                float share = weight * Weight<TAxis>(x, args.ScaleW, args.InW, left, column);
                d0 += share * args.Dy[s0 + at];
                d1 += share * args.Dy[s1 + at];
                d2 += share * args.Dy[s2 + at];
                d3 += share * args.Dy[s3 + at];
            }
        }
        int target = p0 * pixels + row * args.InW + column;
        args.Dx[target] = d0;
        if (p0 + 1 < args.Planes)
        {
            args.Dx[target + pixels] = d1;
        }
        if (p0 + 2 < args.Planes)
        {
            args.Dx[target + 2 * pixels] = d2;
        }
        if (p0 + 3 < args.Planes)
        {
            args.Dx[target + 3 * pixels] = d3;
        }
    }

    /// <summary>Where a plane of dy starts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Start(ResizeGradientArgs args, int plane)
    {
        int image = plane / args.C;
        return image * args.ImageStride + (plane - image * args.C) * args.OutH * args.OutW;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int First<TAxis>(int input, float scale) where TAxis : struct, IResizeAxis
    {
        int first = TAxis.First(input, scale);
        return first > 0 ? first : 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Index<TAxis>(int i, float scale, int inputs) where TAxis : struct, IResizeAxis
    {
        int index = (int)TAxis.Position(i, scale);
        return index < inputs ? index : inputs - 1;
    }

    /// <summary>What output i, which reads <paramref name="index"/> and the next, takes of <paramref name="input"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Weight<TAxis>(int i, float scale, int inputs, int index, int input) where TAxis : struct, IResizeAxis
    {
        // The last input has no next one: it is taken whole.
        float next = index + 1 < inputs ? TAxis.Position(i, scale) - index : 0;
        return index == input ? 1 - next : index + 1 == input ? next : 0;
    }

    public static GpuKernel<ResizeGradientArgs> NearestKernel { get; } = new(Gather<NearestAxis>);

    public static GpuKernel<ResizeGradientArgs> Nearest4Kernel { get; } = new(Gather4<NearestAxis>);

    public static GpuKernel<ResizeGradientArgs> BilinearKernel { get; } = new(Gather<BilinearAxis>);

    public static GpuKernel<ResizeGradientArgs> Bilinear4Kernel { get; } = new(Gather4<BilinearAxis>);

    public static IEnumerable<GpuKernel> All => [NearestKernel, Nearest4Kernel, BilinearKernel, Bilinear4Kernel];
}

/// <summary>Arguments of <see cref="ResamplingGradientKernels"/>.</summary>
internal struct ResizeGradientArgs
{
    public ArrayView<float> Dy, Dx;
    public int Threads, Planes, C, InH, InW, OutH, OutW, ImageStride;
    public float ScaleH, ScaleW;
}
