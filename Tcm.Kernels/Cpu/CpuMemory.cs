namespace Tcm.Kernels.Cpu;

/// <summary>
/// Pool of native memory, 64-byte aligned, lent from a few large regions. Every block is readable (not writable) for
/// <see cref="Slack"/> bytes before its first and after its last float, so that kernels may load whole vectors at the edges.
/// Thread-safe.
/// </summary>
internal sealed unsafe class CpuMemory(Backend backend) : IDisposable
{
    public const int Slack = 256;

    /// <summary>A model's own tensors, made before any pass, fill a small region, which stays when the others are trimmed.</summary>
    internal const long FirstRegion = 8L << 20;

    /// <summary>Above the sizes that allocators keep for themselves when they are freed (32 MiB with glibc).</summary>
    private const long NextRegion = 128L << 20;

    private readonly Lock _lock = new();
    private readonly List<MemoryRegion> _regions = [];
    private readonly Stack<CpuStorage> _handles = [];
    private long _inUse, _total, _systemAllocations;
    private bool _disposed;

    public MemoryUse Use
    {
        get
        {
            lock (_lock)
            {
                return new MemoryUse(_inUse, _total - _inUse, _systemAllocations);
            }
        }
    }

    public CpuStorage Rent(long length)
    {
        long bytes = ((length * sizeof(float) + 63) & ~63L) + 2 * Slack;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, backend);
            var (region, start) = Find(bytes);
            _inUse += bytes;
            if (!_handles.TryPop(out var storage))
            {
                storage = new CpuStorage(backend, this);
            }
            storage.Lend(region, start, bytes, length);
            return storage;
        }
    }

    /// <summary>Takes a block back; its handle is lent again, unless the garbage collector found it.</summary>
    public void Return(CpuStorage storage, bool reuseHandle)
    {
        lock (_lock)
        {
            var region = storage.Region;
            region.Return(storage.Start, storage.Bytes);
            _inUse -= storage.Bytes;
            if (reuseHandle && !_disposed)
            {
                _handles.Push(storage);
            }
            if (_disposed && region.IsUnused)
            {
                Drop(region);
            }
        }
    }

    /// <summary>Gives regions of which nothing is lent back to the system.</summary>
    public void Trim()
    {
        lock (_lock)
        {
            for (int i = _regions.Count - 1; i >= 0; i--)
            {
                if (_regions[i].IsUnused)
                {
                    Drop(_regions[i]);
                }
            }
        }
    }

    public void Dispose()
    {
        Trim();
        _disposed = true;
    }

    private (MemoryRegion Region, long Start) Find(long bytes)
    {
        foreach (var region in _regions)
        {
            if (region.Take(bytes) is >= 0 and var start)
            {
                return (region, start);
            }
        }
        var added = Grow(bytes);
        _regions.Add(added);
        _systemAllocations++;
        _total += added.Bytes;
        return (added, added.Take(bytes));
    }

    private MemoryRegion Grow(long bytes)
    {
        try
        {
            return new MemoryRegion(Math.Max(bytes, _regions.Count == 0 ? FirstRegion : NextRegion));
        }
        catch (OutOfMemoryException)
        {
            // Regions that are idle may be what is in the way, and the last memory goes in small pieces.
            Trim();
        }
        try
        {
            return new MemoryRegion(bytes);
        }
        catch (OutOfMemoryException e)
        {
            throw new DeviceException($"cpu: out of memory while allocating {bytes >> 20} MiB ({_inUse >> 20} MiB in use)", e)
            {
                IsOutOfMemory = true,
            };
        }
    }

    private void Drop(MemoryRegion region)
    {
        _regions.Remove(region);
        _total -= region.Bytes;
        region.Free();
    }
}
