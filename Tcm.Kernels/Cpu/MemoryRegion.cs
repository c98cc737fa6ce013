using System.Runtime.InteropServices;

namespace Tcm.Kernels.Cpu;

/// <summary>
/// One allocation from the system, lent in parts. The lowest free span that is long enough is taken, and neighbours are joined
/// when a part comes back, so that a pass reuses the memory of tensors of any size, and pages beyond the most that was in
/// use at a time are never touched. Not thread-safe: <see cref="CpuMemory"/> holds its lock.
/// </summary>
internal sealed unsafe class MemoryRegion
{
    private readonly List<Span> _free;
    private byte* _block;

    /// <exception cref="OutOfMemoryException">The system has no such memory.</exception>
    public MemoryRegion(long bytes)
    {
        bool large = bytes >= HugePages.Size;
        _block = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, large ? (nuint)HugePages.Size : 64);
        if (large)
        {
            HugePages.Advise(_block, bytes);
        }
        Bytes = bytes;
        _free = [new Span(0, bytes)];
    }

    ~MemoryRegion() => Free();

    public long Bytes { get; }

    public bool IsUnused => _free is [{ Start: 0 } all] && all.Length == Bytes;

    public byte* Address(long start) => _block + start;

    /// <summary>Where a part of this length starts, or -1 if none is left.</summary>
    public long Take(long bytes)
    {
        for (int i = 0; i < _free.Count; i++)
        {
            var (start, length) = _free[i];
            if (length >= bytes)
            {
                if (length == bytes)
                {
                    _free.RemoveAt(i);
                }
                else
                {
                    _free[i] = new Span(start + bytes, length - bytes);
                }
                return start;
            }
        }
        return -1;
    }

    public void Return(long start, long bytes)
    {
        int next = 0;
        for (int end = _free.Count; next < end;)
        {
            int middle = (next + end) / 2;
            (next, end) = _free[middle].Start < start ? (middle + 1, end) : (next, middle);
        }
        if (next < _free.Count && start + bytes == _free[next].Start)
        {
            bytes += _free[next].Length;
            _free.RemoveAt(next);
        }
        if (next > 0 && _free[next - 1] is var before && before.Start + before.Length == start)
        {
            _free[next - 1] = new Span(before.Start, before.Length + bytes);
        }
        else
        {
            _free.Insert(next, new Span(start, bytes));
        }
    }

    public void Free()
    {
        NativeMemory.AlignedFree(_block);
        _block = null;
        GC.SuppressFinalize(this);
    }

    private readonly record struct Span(long Start, long Length);
}
