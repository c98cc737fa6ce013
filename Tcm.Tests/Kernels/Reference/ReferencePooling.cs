using Tcm.Kernels;
using Tcm.Kernels.Pooling;

namespace Tcm.Tests.Kernels.Reference;

internal sealed partial class ReferencePooling : AveragePooling
{
    private protected override void ForwardCore(int planes, int h, int w, int kernel, Slice x, Slice y)
    {
        Span<float> input = ReferenceBackend.Floats(x), output = ReferenceBackend.Floats(y);
        int rows = h / kernel, columns = w / kernel;
        for (int plane = 0; plane < planes; plane++)
        {
            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < columns; j++)
                {
                    double sum = 0;
                    for (int tap = 0; tap < kernel * kernel; tap++)
                    {
                        sum += input[(plane * h + i * kernel + tap / kernel) * w + j * kernel + tap % kernel];
                    }
                    output[(plane * rows + i) * columns + j] = (float)(sum / (kernel * kernel));
                }
            }
        }
    }
}
