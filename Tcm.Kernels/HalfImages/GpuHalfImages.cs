using Tcm.Kernels.Convolution;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.Images;
using Tcm.Kernels.Resampling;

namespace Tcm.Kernels.HalfImages;

/// <summary>Launchers of <see cref="HalfImageKernels"/>; <see cref="HalfConvolution"/> has those of products.</summary>
internal sealed partial class GpuHalfImages(GpuBackend backend) : HalfImageOperations
{
    private protected override void FromPlanesCore(HalfShape shape, Slice x, Slice y) =>
        Launch(HalfImageKernels.FromPlanesKernel, shape, count => Planes(shape, count, x, y));

    private protected override void ToPlanesCore(HalfShape shape, Slice x, Slice y) =>
        Launch(HalfImageKernels.ToPlanesKernel, shape, count => Planes(shape, count, y, x));

    private protected override void NormalizePadCore(ReadOnlySpan<byte> rgb, int rowStride, int h, int w, int paddedH,
        int paddedW, ChannelNormalization normalization, Slice y)
    {
        using var upload = GpuImageInput.Send(backend, rgb, rowStride, h, w);
        Launch(HalfImageKernels.NormalizePadKernel, new HalfShape(1, 3, paddedH, paddedW), _ => new HalfPictureArgs
        {
            Rgb = upload.Device,
            Y = HalfConvolution.Words(y),
            H = h,
            W = w,
            PaddedH = paddedH,
            PaddedW = paddedW,
            MeanR = normalization.MeanR,
            MeanG = normalization.MeanG,
            MeanB = normalization.MeanB,
            ScaleR = normalization.ScaleR,
            ScaleG = normalization.ScaleG,
            ScaleB = normalization.ScaleB,
        });
    }

    private protected override void AveragePoolCore(HalfShape shape, int kernel, Slice x, Slice y)
    {
        var output = shape with { H = shape.H / kernel, W = shape.W / kernel };
        Launch(HalfImageKernels.AveragePoolKernel, output, count => new HalfPoolArgs
        {
            X = HalfConvolution.Words(x),
            Y = HalfConvolution.Words(y),
            Count = count,
            Chunks = shape.Chunks,
            H = shape.H,
            W = shape.W,
            OutH = output.H,
            OutW = output.W,
            Kernel = kernel,
        });
    }

    private protected override void ResizeCore(ResizeMode mode, HalfShape input, HalfShape output, int firstChunk, Slice x,
        Slice y, bool accumulate)
    {
        var kernel = mode == ResizeMode.Nearest ? HalfImageKernels.NearestKernel : HalfImageKernels.BilinearKernel;
        Launch(kernel, output with { C = input.C }, count => new HalfResizeArgs
        {
            X = HalfConvolution.Words(x),
            Y = HalfConvolution.Words(y),
            Count = count,
            Chunks = input.Chunks,
            OutChunks = output.Chunks,
            FirstChunk = firstChunk,
            InH = input.H,
            InW = input.W,
            OutH = output.H,
            OutW = output.W,
            Accumulate = accumulate ? 1 : 0,
            ScaleH = (float)input.H / output.H,
            ScaleW = (float)input.W / output.W,
        });
    }

    private protected override void ConcatCore(HalfShape shapeA, int channelsB, Slice a, Slice b, Slice y)
    {
        var output = shapeA with { C = shapeA.C + channelsB };
        Launch(HalfImageKernels.ConcatKernel, output, count => new HalfConcatArgs
        {
            A = HalfConvolution.Words(a),
            B = HalfConvolution.Words(b),
            Y = HalfConvolution.Words(y),
            Count = count,
            Chunks = output.Chunks,
            ChunksA = shapeA.Chunks,
            ChunksB = (shapeA with { C = channelsB }).Chunks,
            ChannelsA = shapeA.C,
            ChannelsB = channelsB,
        });
    }

    private protected override void AddCore(HalfShape shape, HalfShape shapeB, Slice a, Slice b, Slice y, float scale) =>
        Launch(HalfElementwiseKernels.AddKernel, shape, count => Pair(shape, shapeB, count, a, b, y) with { Scale = scale });

    private protected override void MultiplyCore(HalfShape shape, HalfShape shapeB, Slice a, Slice b, Slice y) =>
        Launch(HalfElementwiseKernels.MultiplyKernel, shape, count => Pair(shape, shapeB, count, a, b, y));

    private protected override void ConvolveCore(PreparedConvolution convolution, ImageBatch input, HalfShape output, Slice x,
        Slice y, Slice? residual) => ((HalfConvolution)convolution).RunHalf(input, output, x, y, residual);

    private static HalfPlanesArgs Planes(HalfShape shape, int count, Slice planes, Slice half) => new()
    {
        Planes = GpuBackend.View(planes),
        Half = HalfConvolution.Words(half),
        Count = count,
        Pixels = shape.H * shape.W,
        Channels = shape.C,
        Chunks = shape.Chunks,
    };

    private static HalfPairArgs Pair(HalfShape shape, HalfShape shapeB, int count, Slice a, Slice b, Slice y) => new()
    {
        A = HalfConvolution.Words(a),
        B = HalfConvolution.Words(b),
        Y = HalfConvolution.Words(y),
        Count = count,
        Run = shape.H * shape.W * shape.Chunks,
        Stride = shapeB.N == 1 ? 0 : shapeB.H * shapeB.W * shape.Chunks,
        Period = shapeB.H * shapeB.W * shape.Chunks,
    };

    /// <summary>One thread for each chunk of the result.</summary>
    private void Launch<TArgs>(GpuKernel<TArgs> kernel, HalfShape output, Func<int, TArgs> args) where TArgs : struct
    {
        long count = output.Pixels * output.Chunks;
        Check.That(count <= int.MaxValue / 8, $"{kernel.Name}: {count} chunks exceed what one operation can address");
        backend.Launch(kernel, (count + kernel.GroupSize - 1) / kernel.GroupSize, args((int)count));
    }
}
