using Tcm.Kernels;
using Tcm.Kernels.Reduction;

namespace Tcm.Tests.Kernels.Reference;

internal sealed class ReferenceReduction : AxisReduction
{
    private protected override void SumCore(int outer, int axis, int inner, float scale, Slice x, Slice y)
    {
        Span<float> input = ReferenceBackend.Floats(x), output = ReferenceBackend.Floats(y);
        for (int o = 0; o < outer; o++)
        {
            for (int i = 0; i < inner; i++)
            {
                double sum = 0;
                for (int a = 0; a < axis; a++)
                {
                    sum += input[(o * axis + a) * inner + i];
                }
                output[o * inner + i] = (float)(scale * sum);
            }
        }
    }
}
