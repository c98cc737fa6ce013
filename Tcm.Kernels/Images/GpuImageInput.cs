using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Images;

internal sealed class GpuImageInput(GpuBackend backend) : ImageInput
{
    private protected override void NormalizePadCore(ReadOnlySpan<byte> rgb, int rowStride, int h, int w, int paddedH,
        int paddedW, ChannelNormalization normalization, Slice y)
    {
        using var upload = Send(backend, rgb, rowStride, h, w);
        var kernel = ImageKernels.NormalizePadKernel;
        backend.Launch(kernel, ((long)paddedH * paddedW + kernel.GroupSize - 1) / kernel.GroupSize, new NormalizePadArgs
        {
            Rgb = upload.Device,
            Y = GpuBackend.View(y),
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

    /// <summary>Only the pixels travel, a quarter of what the floats would be.</summary>
    internal static GpuBackend.GpuUpload Send(GpuBackend backend, ReadOnlySpan<byte> rgb, int rowStride, int h, int w)
    {
        long bytes = 3L * h * w;
        Check.That(bytes <= int.MaxValue - 3, $"NormalizePad: {bytes} bytes of pixels exceed one upload");
        var upload = backend.BeginUpload(bytes);
        try
        {
            var packed = upload.Host;
            for (int row = 0; row < h; row++)
            {
                rgb.Slice(row * rowStride, 3 * w).CopyTo(packed[(row * 3 * w)..]);
            }
            upload.Send();
            return upload;
        }
        catch
        {
            upload.Dispose();
            throw;
        }
    }
}
