using Tcm.Kernels;
using Tcm.Kernels.Resampling;

namespace Tcm.Tests.Kernels.Reference;

/// <summary>Source coordinates are computed in float, because PyTorch does and floor() makes the difference visible.</summary>
internal sealed partial class ReferenceResampler : Resampler
{
    private protected override void ResizeCore(ResizeMode mode, ResizeShape shape, Slice x, Slice y, bool accumulate)
    {
        Span<float> input = ReferenceBackend.Floats(x), output = ReferenceBackend.Floats(y);
        for (int plane = 0; plane < shape.N * shape.C; plane++)
        {
            var source = input.Slice(plane * shape.InH * shape.InW, shape.InH * shape.InW);
            int start = (int)(plane / shape.C * shape.OutputStride) + plane % shape.C * shape.OutH * shape.OutW;
            for (int i = 0; i < shape.OutH; i++)
            {
                for (int j = 0; j < shape.OutW; j++)
                {
                    double value = mode == ResizeMode.Nearest
                        ? source[Nearest(i, shape.InH, shape.OutH) * shape.InW + Nearest(j, shape.InW, shape.OutW)]
                        : Bilinear(shape, source, i, j);
                    ref float target = ref output[start + i * shape.OutW + j];
                    target = (float)(accumulate ? target + value : value);
                }
            }
        }
    }

    private static int Nearest(int i, int inSize, int outSize) =>
        Math.Min((int)MathF.Floor(i * ((float)inSize / outSize)), inSize - 1);

    private static double Bilinear(ResizeShape shape, ReadOnlySpan<float> source, int i, int j)
    {
        var (top, bottom, v) = Neighbours(i, shape.InH, shape.OutH);
        var (left, right, u) = Neighbours(j, shape.InW, shape.OutW);
        double upper = (1 - u) * source[top * shape.InW + left] + u * source[top * shape.InW + right];
        double lower = (1 - u) * source[bottom * shape.InW + left] + u * source[bottom * shape.InW + right];
        return (1 - v) * upper + v * lower;
    }

    /// <summary>The two source indices and the weight of the second.</summary>
    private static (int First, int Second, double Weight) Neighbours(int i, int inSize, int outSize)
    {
        float position = MathF.Max(0, (float)inSize / outSize * (i + 0.5f) - 0.5f);
        int first = Math.Min((int)position, inSize - 1);
        return (first, Math.Min(first + 1, inSize - 1), position - first);
    }
}
