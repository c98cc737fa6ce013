using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Indexing;

internal sealed unsafe partial class CpuDataMovement
{
    private protected override void ScatterAddRowsCore(int rows, int width, Slice dy, ReadOnlySpan<int> ids, Slice dtable)
    {
        float* source = CpuBackend.Pointer(dy), table = CpuBackend.Pointer(dtable);
        for (long i = 0; i < rows; i++)
        {
            new Span<float>(table + (i * width), width).Clear();
        }
        for (int i = 0; i < ids.Length; i++)
        {
            float* row = table + ((long)ids[i] * width);
            for (int j = 0; j < width; j++)
            {
                row[j] += source[((long)i * width) + j];
            }
        }
    }
}
