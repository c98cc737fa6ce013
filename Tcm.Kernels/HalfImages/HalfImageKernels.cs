using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.HalfImages;

// What a network does with half-precision images (N,H,W,C) besides products: one thread a chunk of eight channels, loads and
// stores of 128 bits, arithmetic in FP32. All are bound by memory, and neighbouring threads take neighbouring chunks, so that this
// form is the only one; to and from planes (N,C,H,W) neighbours take neighbouring pixels, because the planes have four times as
// many accesses.
internal static class HalfImageKernels
{
    public static void FromPlanes(HalfPlanesArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Count)
        {
            return;
        }
        int pixel = i % args.Pixels, chunk = i / args.Pixels % args.Chunks, image = i / (args.Pixels * args.Chunks);
        int c = chunk * 8;
        args.Half[(image * args.Pixels + pixel) * args.Chunks + chunk] = Half8.Pack(
            new Float4(Plane(args, image, c, pixel), Plane(args, image, c + 1, pixel), Plane(args, image, c + 2, pixel),
                Plane(args, image, c + 3, pixel)),
            new Float4(Plane(args, image, c + 4, pixel), Plane(args, image, c + 5, pixel), Plane(args, image, c + 6, pixel),
                Plane(args, image, c + 7, pixel)));
    }

    public static void ToPlanes(HalfPlanesArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Count)
        {
            return;
        }
        int pixel = i % args.Pixels, chunk = i / args.Pixels % args.Chunks, image = i / (args.Pixels * args.Chunks);
        var value = args.Half[(image * args.Pixels + pixel) * args.Chunks + chunk];
        Float4 low = Half8.Low(value), high = Half8.High(value);
        int c = chunk * 8;
        Put(args, image, c, pixel, low.X);
        Put(args, image, c + 1, pixel, low.Y);
        Put(args, image, c + 2, pixel, low.Z);
        Put(args, image, c + 3, pixel, low.W);
        Put(args, image, c + 4, pixel, high.X);
        Put(args, image, c + 5, pixel, high.Y);
        Put(args, image, c + 6, pixel, high.Z);
        Put(args, image, c + 7, pixel, high.W);
    }

    /// <summary>One thread a pixel: 3 bytes in, 16 out.</summary>
    public static void NormalizePad(HalfPictureArgs args)
    {
        int pixel = Grid.IdxX * Group.DimX + Group.IdxX;
        if (pixel >= args.PaddedH * args.PaddedW)
        {
            return;
        }
        int row = pixel / args.PaddedW, column = pixel - row * args.PaddedW;
        var value = default(Float4);
        if (row < args.H && column < args.W)
        {
            int at = (row * args.W + column) * 3;
            value.X = (args.Rgb[at] - args.MeanR) * args.ScaleR;
            value.Y = (args.Rgb[at + 1] - args.MeanG) * args.ScaleG;
            value.Z = (args.Rgb[at + 2] - args.MeanB) * args.ScaleB;
        }
        args.Y[pixel] = Half8.Pack(value, default);
    }

    public static void AveragePool(HalfPoolArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Count)
        {
            return;
        }
        int chunk = i % args.Chunks, pixel = i / args.Chunks;
        int column = pixel % args.OutW, row = pixel / args.OutW % args.OutH, image = pixel / (args.OutW * args.OutH);
        int at = ((image * args.H + row * args.Kernel) * args.W + column * args.Kernel) * args.Chunks + chunk;
        Float4 low = default, high = default;
        for (int r = 0; r < args.Kernel; r++)
        {
            for (int s = 0; s < args.Kernel; s++)
            {
                var value = args.X[at + (r * args.W + s) * args.Chunks];
                low = Sum(low, Half8.Low(value));
                high = Sum(high, Half8.High(value));
            }
        }
        float share = 1f / (args.Kernel * args.Kernel);
        args.Y[i] = Half8.Pack(Tile4x4.Fma(share, low, default), Tile4x4.Fma(share, high, default));
    }

    public static void Nearest(HalfResizeArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Count)
        {
            return;
        }
        int chunk = i % args.Chunks, pixel = i / args.Chunks;
        int column = pixel % args.OutW, row = pixel / args.OutW % args.OutH, image = pixel / (args.OutW * args.OutH);
        int h = (int)(row * args.ScaleH), w = (int)(column * args.ScaleW);
        h = h < args.InH ? h : args.InH - 1;
        w = w < args.InW ? w : args.InW - 1;
        var value = args.X[((image * args.InH + h) * args.InW + w) * args.Chunks + chunk];
        Put(args, pixel, chunk, Half8.Low(value), Half8.High(value));
    }

    public static void Bilinear(HalfResizeArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Count)
        {
            return;
        }
        int chunk = i % args.Chunks, pixel = i / args.Chunks;
        int column = pixel % args.OutW, row = pixel / args.OutW % args.OutH, image = pixel / (args.OutW * args.OutH);
        float h = (row + 0.5f) * args.ScaleH - 0.5f, w = (column + 0.5f) * args.ScaleW - 0.5f;
        h = h > 0 ? h : 0;
        w = w > 0 ? w : 0;
        int top = (int)h, left = (int)w;
        top = top < args.InH ? top : args.InH - 1;
        left = left < args.InW ? left : args.InW - 1;
        int down = top + 1 < args.InH ? args.InW * args.Chunks : 0, right = left + 1 < args.InW ? args.Chunks : 0;
        float v = h - top, u = w - left;
        int at = ((image * args.InH + top) * args.InW + left) * args.Chunks + chunk;
        Word4 x00 = args.X[at], x01 = args.X[at + right], x10 = args.X[at + down], x11 = args.X[at + down + right];
        Put(args, pixel, chunk,
            Mix(v, Mix(u, Half8.Low(x00), Half8.Low(x01)), Mix(u, Half8.Low(x10), Half8.Low(x11))),
            Mix(v, Mix(u, Half8.High(x00), Half8.High(x01)), Mix(u, Half8.High(x10), Half8.High(x11))));
    }

    /// <summary>A chunk of a is copied; one that has channels of b is put together from halves.</summary>
    public static void Concat(HalfConcatArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Count)
        {
            return;
        }
        int chunk = i % args.Chunks, pixel = i / args.Chunks, c = chunk * 8;
        Word4 value;
        if (c + 8 <= args.ChannelsA)
        {
            value = args.A[pixel * args.ChunksA + chunk];
        }
        else
        {
            value = new Word4(Pair(args, pixel, c), Pair(args, pixel, c + 2), Pair(args, pixel, c + 4), Pair(args, pixel, c + 6));
        }
        args.Y[i] = value;
    }

    /// <summary>C = K = Groups; weights are FP32, (R,S,C) with the channels of the chunks.</summary>
    public static void Depthwise(HalfDepthwiseArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Count)
        {
            return;
        }
        int chunk = i % args.Chunks, pixel = i / args.Chunks;
        int q = pixel % args.Q, p = pixel / args.Q % args.P, image = pixel / (args.Q * args.P);
        Float4 low = args.Bias[chunk * 2], high = args.Bias[chunk * 2 + 1];
        for (int r = 0; r < args.R; r++)
        {
            int h = p * args.Stride - args.Padding + r;
            for (int s = 0; s < args.S; s++)
            {
                int w = q * args.Stride - args.Padding + s;
                if ((uint)h < (uint)args.H && (uint)w < (uint)args.W)
                {
                    var x = args.X[((image * args.H + h) * args.W + w) * args.Chunks + chunk];
                    int weight = ((r * args.S + s) * args.Chunks + chunk) * 2;
                    low = Sum(low, Product(args.Weight[weight], Half8.Low(x)));
                    high = Sum(high, Product(args.Weight[weight + 1], Half8.High(x)));
                }
            }
        }
        HalfStore.Put(new GpuActivationByNumber(args.Activation), args.Y, args.Residual, args.HasResidual, i,
            args.Channels - chunk * 8, low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Float4 Sum(Float4 a, Float4 b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Float4 Product(Float4 a, Float4 b) => new(a.X * b.X, a.Y * b.Y, a.Z * b.Z, a.W * b.W);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Mix(float t, Float4 a, Float4 b) => Tile4x4.Fma(1 - t, a, Tile4x4.Fma(t, b, default));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Plane(HalfPlanesArgs args, int image, int c, int pixel)
    {
        float value = 0;
        if (c < args.Channels)
        {
            value = args.Planes[(image * args.Channels + c) * args.Pixels + pixel];
        }
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(HalfPlanesArgs args, int image, int c, int pixel, float value)
    {
        if (c < args.Channels)
        {
            args.Planes[(image * args.Channels + c) * args.Pixels + pixel] = value;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(HalfResizeArgs args, int pixel, int chunk, Float4 low, Float4 high)
    {
        int at = pixel * args.OutChunks + args.FirstChunk + chunk;
        if (args.Accumulate != 0)
        {
            var old = args.Y[at];
            low = Sum(low, Half8.Low(old));
            high = Sum(high, Half8.High(old));
        }
        args.Y[at] = Half8.Pack(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Pair(HalfConcatArgs args, int pixel, int c) => Channel(args, pixel, c) | Channel(args, pixel, c + 1) << 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Channel(HalfConcatArgs args, int pixel, int c)
    {
        uint value = 0;
        int b = c - args.ChannelsA;
        if (b < 0)
        {
            value = args.A.Cast<uint>()[pixel * args.ChunksA * 4 + c / 2] >> (c % 2 * 16);
        }
        else if (b < args.ChannelsB)
        {
            value = args.B.Cast<uint>()[pixel * args.ChunksB * 4 + b / 2] >> (b % 2 * 16);
        }
        return value & 0xFFFF;
    }

    public static GpuKernel<HalfPlanesArgs> FromPlanesKernel { get; } = new(FromPlanes);

    public static GpuKernel<HalfPlanesArgs> ToPlanesKernel { get; } = new(ToPlanes);

    public static GpuKernel<HalfPictureArgs> NormalizePadKernel { get; } = new(NormalizePad);

    public static GpuKernel<HalfPoolArgs> AveragePoolKernel { get; } = new(AveragePool);

    public static GpuKernel<HalfResizeArgs> NearestKernel { get; } = new(Nearest);

    public static GpuKernel<HalfResizeArgs> BilinearKernel { get; } = new(Bilinear);

    public static GpuKernel<HalfConcatArgs> ConcatKernel { get; } = new(Concat);

    public static GpuKernel<HalfDepthwiseArgs> DepthwiseKernel { get; } = new(Depthwise);

    public static IEnumerable<GpuKernel> All =>
        [FromPlanesKernel, ToPlanesKernel, NormalizePadKernel, AveragePoolKernel, NearestKernel, BilinearKernel, ConcatKernel,
            DepthwiseKernel];
}

/// <summary>Arguments of the conversions; Count chunks.</summary>
internal struct HalfPlanesArgs
{
    public ArrayView<float> Planes;
    public ArrayView<Word4> Half;
    public int Count, Pixels, Channels, Chunks;
}

/// <summary>Arguments of <see cref="HalfImageKernels.NormalizePad"/>.</summary>
internal struct HalfPictureArgs
{
    public ArrayView<byte> Rgb;
    public ArrayView<Word4> Y;
    public int H, W, PaddedH, PaddedW;
    public float MeanR, MeanG, MeanB, ScaleR, ScaleG, ScaleB;
}

/// <summary>Arguments of <see cref="HalfImageKernels.AveragePool"/>.</summary>
internal struct HalfPoolArgs
{
    public ArrayView<Word4> X, Y;
    public int Count, Chunks, H, W, OutH, OutW, Kernel;
}

/// <summary>Arguments of the resizes.</summary>
internal struct HalfResizeArgs
{
    public ArrayView<Word4> X, Y;
    public int Count, Chunks, OutChunks, FirstChunk, InH, InW, OutH, OutW, Accumulate;
    public float ScaleH, ScaleW;
}

/// <summary>Arguments of <see cref="HalfImageKernels.Concat"/>.</summary>
internal struct HalfConcatArgs
{
    public ArrayView<Word4> A, B, Y;
    public int Count, Chunks, ChunksA, ChunksB, ChannelsA, ChannelsB;
}

/// <summary>Arguments of <see cref="HalfImageKernels.Depthwise"/>.</summary>
internal struct HalfDepthwiseArgs
{
    public ArrayView<Word4> X, Residual, Y;
    public ArrayView<Float4> Weight, Bias;
    public int Count, Channels, Chunks, H, W, R, S, Stride, Padding, P, Q, HasResidual, Activation;
}
