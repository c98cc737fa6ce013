using System.Runtime.InteropServices;

namespace Tcm.Kernels.Cpu;

/// <summary>A block of <see cref="CpuMemory"/>.</summary>
internal sealed unsafe class CpuStorage(Backend backend, CpuMemory pool) : Storage
{
    private int _lent;

    ~CpuStorage() => Dispose(reuse: false);

    public override Backend Backend { get; } = backend;

    /// <summary>The region and the bytes of it that are lent, with the slack at both ends.</summary>
    public MemoryRegion Region { get; private set; } = null!;

    public long Start { get; private set; }

    public long Bytes { get; private set; }

    public float* Pointer { get; private set; }

    public void Lend(MemoryRegion region, long start, long bytes, long length)
    {
        (Region, Start, Bytes, Length) = (region, start, bytes, length);
        byte* block = region.Address(start);
        Pointer = (float*)(block + CpuMemory.Slack);
        // The slack is read (its values never used), so it must not hold signalling NaNs or be another tensor's.
        NativeMemory.Clear(block, CpuMemory.Slack);
        NativeMemory.Clear(block + bytes - CpuMemory.Slack, CpuMemory.Slack);
        _lent = 1;
    }

    public override void Dispose() => Dispose(reuse: true);

    private void Dispose(bool reuse)
    {
        if (Interlocked.Exchange(ref _lent, 0) == 1)
        {
            pool.Return(this, reuse);
        }
    }
}
