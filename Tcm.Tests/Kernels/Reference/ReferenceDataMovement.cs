using Tcm.Kernels;
using Tcm.Kernels.Indexing;

namespace Tcm.Tests.Kernels.Reference;

internal sealed partial class ReferenceDataMovement : DataMovement
{
    private protected override void TransposeCore(int batch, int rows, int columns, Slice x, Slice y)
    {
        Span<float> input = ReferenceBackend.Floats(x), output = ReferenceBackend.Floats(y);
        for (int b = 0; b < batch; b++)
        {
            for (int r = 0; r < rows; r++)
            {
                for (int c = 0; c < columns; c++)
                {
                    output[(b * columns + c) * rows + r] = input[(b * rows + r) * columns + c];
                }
            }
        }
    }

    private protected override void CopyRunsCore(int count, long run, Slice x, long xStride, Slice y, long yStride)
    {
        for (int i = 0; i < count; i++)
        {
            ReferenceBackend.Floats(x.Part(i * xStride, run)).CopyTo(ReferenceBackend.Floats(y.Part(i * yStride, run)));
        }
    }

    private protected override void GatherRowsCore(int width, Slice table, ReadOnlySpan<int> ids, Slice y)
    {
        for (int i = 0; i < ids.Length; i++)
        {
            ReferenceBackend.Floats(table).Slice(ids[i] * width, width).CopyTo(ReferenceBackend.Floats(y)[(i * width)..]);
        }
    }
}
