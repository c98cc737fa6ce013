using System.Buffers;
using System.Runtime.InteropServices;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Images;

internal sealed class GpuImageInput(GpuBackend backend) : ImageInput
{
    private protected override void NormalizePadCore(ReadOnlySpan<byte> rgb, int rowStride, int h, int w, int paddedH,
        int paddedW, ChannelNormalization normalization, Slice y)
    {
        // Only the pixels travel, a quarter of what the floats would be.
        long bytes = 3L * h * w;
        int floats = checked((int)((bytes + sizeof(float) - 1) / sizeof(float)));
        float[] staging = ArrayPool<float>.Shared.Rent(floats);
        try
        {
            var packed = MemoryMarshal.AsBytes(staging.AsSpan(0, floats));
            for (int row = 0; row < h; row++)
            {
                rgb.Slice(row * rowStride, 3 * w).CopyTo(packed[(row * 3 * w)..]);
            }
            using var storage = backend.Allocate(floats);
            backend.Upload(staging.AsSpan(0, floats), storage.All);
            var kernel = ImageKernels.NormalizePadKernel;
            backend.Launch(kernel, ((long)paddedH * paddedW + kernel.GroupSize - 1) / kernel.GroupSize, new NormalizePadArgs
            {
                Rgb = GpuBackend.View(storage.All).Cast<byte>(),
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
        finally
        {
            ArrayPool<float>.Shared.Return(staging);
        }
    }
}
