using Tcm.Kernels;
using Tcm.Kernels.Images;

namespace Tcm.Tests.Kernels.Reference;

internal sealed class ReferenceImageInput : ImageInput
{
    private protected override void NormalizePadCore(ReadOnlySpan<byte> rgb, int rowStride, int h, int w, int paddedH,
        int paddedW, ChannelNormalization normalization, Slice y)
    {
        ReadOnlySpan<float> mean = [normalization.MeanR, normalization.MeanG, normalization.MeanB];
        ReadOnlySpan<float> scale = [normalization.ScaleR, normalization.ScaleG, normalization.ScaleB];
        var output = ReferenceBackend.Floats(y);
        for (int c = 0; c < 3; c++)
        {
            for (int i = 0; i < paddedH; i++)
            {
                for (int j = 0; j < paddedW; j++)
                {
                    output[(c * paddedH + i) * paddedW + j] = i < h && j < w
                        ? (float)(((double)rgb[i * rowStride + 3 * j + c] - mean[c]) * scale[c])
                        : 0;
                }
            }
        }
    }
}
