using System.Runtime.InteropServices;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Indexing;

/// <summary>Launcher of <see cref="EmbeddingGradientKernels"/>.</summary>
internal sealed partial class GpuDataMovement
{
    private protected override void ScatterAddRowsCore(int rows, int width, Slice dy, ReadOnlySpan<int> ids, Slice dtable)
    {
        backend.Fill(dtable.Part(0, (long)rows * width), 0);
        if (ids.IsEmpty || width == 0)
        {
            return;
        }
        // Sorted by id, then by place.
        var order = new long[ids.Length];
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = ((long)ids[i] << 32) | (uint)i;
        }
        Array.Sort(order);
        List<int> used = [], starts = [], places = [];
        foreach (long entry in order)
        {
            int id = (int)(entry >> 32);
            if (used.Count == 0 || used[^1] != id)
            {
                used.Add(id);
                starts.Add(places.Count);
            }
            places.Add((int)entry);
        }
        starts.Add(places.Count);
        // Pool blocks hold floats; the bits of the numbers travel as such.
        using var storage = backend.Allocate(used.Count + starts.Count + places.Count);
        backend.Upload(MemoryMarshal.Cast<int, float>([.. used, .. starts, .. places]), storage.All);
        var numbers = GpuBackend.View(storage.All).Cast<int>();
        backend.Launch(EmbeddingGradientKernels.SumRowsKernel, used.Count, new ScatterArgs
        {
            Dy = GpuBackend.View(dy),
            Dtable = GpuBackend.View(dtable),
            Rows = numbers.SubView(0, used.Count),
            Starts = numbers.SubView(used.Count, starts.Count),
            Places = numbers.SubView(used.Count + starts.Count, places.Count),
            Width = width,
        });
    }
}
