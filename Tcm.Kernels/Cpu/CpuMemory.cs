using System.Runtime.InteropServices;

namespace Tcm.Kernels.Cpu;

/// <summary>
/// Pool of native memory, 64-byte aligned. Every block is readable (not writable) for <see cref="Slack"/> bytes before its
/// first and after its last float, so that kernels may load whole vectors at the edges. Thread-safe.
/// </summary>
internal sealed unsafe class CpuMemory(Backend backend) : IDisposable
{
    public const int Slack = 256;
    private readonly Lock _lock = new();
    private readonly Dictionary<long, Stack<CpuStorage>> _free = [];
    private long _inUse, _pooled, _systemAllocations;
    private bool _disposed;

    public MemoryUse Use
    {
        get
        {
            lock (_lock)
            {
                return new MemoryUse(_inUse, _pooled, _systemAllocations);
            }
        }
    }

    public CpuStorage Rent(long length)
    {
        long capacity = Capacity(length);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, backend);
            _inUse += capacity;
            if (_free.TryGetValue(capacity, out var stack) && stack.TryPop(out var storage))
            {
                _pooled -= capacity;
                storage.Lend(length);
                return storage;
            }
            _systemAllocations++;
        }
        return Allocate(capacity, length);
    }

    public void Return(CpuStorage storage)
    {
        lock (_lock)
        {
            _inUse -= storage.Capacity;
            if (_disposed)
            {
                storage.Free();
                return;
            }
            _pooled += storage.Capacity;
            if (!_free.TryGetValue(storage.Capacity, out var stack))
            {
                _free[storage.Capacity] = stack = [];
            }
            stack.Push(storage);
        }
    }

    public void Trim()
    {
        lock (_lock)
        {
            foreach (var stack in _free.Values)
            {
                while (stack.TryPop(out var storage))
                {
                    _pooled -= storage.Capacity;
                    storage.Free();
                }
            }
        }
    }

    public void Dispose()
    {
        Trim();
        _disposed = true;
    }

    private CpuStorage Allocate(long capacity, long length)
    {
        nuint bytes = (nuint)capacity + 2 * Slack;
        try
        {
            var block = (byte*)NativeMemory.AlignedAlloc(bytes, 64);
            // The slack is read (its values never used), so it must not hold signalling NaNs or be another tensor's.
            NativeMemory.Clear(block, Slack);
            NativeMemory.Clear(block + Slack + capacity, Slack);
            return new CpuStorage(backend, this, block, capacity, length);
        }
        catch (OutOfMemoryException e)
        {
            lock (_lock)
            {
                _inUse -= capacity;
            }
            throw new DeviceException($"cpu: out of memory while allocating {bytes >> 20} MiB", e);
        }
    }

    /// <summary>Bytes for a request: whole 64-byte lines, and above 64 KiB an eighth of the power of two below, so that
    /// similar sizes share blocks and at most an eighth is wasted.</summary>
    private static long Capacity(long length)
    {
        long bytes = Math.Max(64, (length * sizeof(float) + 63) & ~63L);
        if (bytes <= 65536)
        {
            return bytes;
        }
        long step = 1L << (63 - 3 - System.Numerics.BitOperations.LeadingZeroCount((ulong)bytes));
        return (bytes + step - 1) / step * step;
    }
}

/// <summary>A block of <see cref="CpuMemory"/>.</summary>
internal sealed unsafe class CpuStorage : Storage
{
    private readonly CpuMemory _pool;
    private byte* _block;
    private int _lent = 1;

    public CpuStorage(Backend backend, CpuMemory pool, byte* block, long capacity, long length)
    {
        Backend = backend;
        _pool = pool;
        _block = block;
        Capacity = capacity;
        Length = length;
    }

    ~CpuStorage() => Free();

    public override Backend Backend { get; }

    public long Capacity { get; }

    public float* Pointer => (float*)(_block + CpuMemory.Slack);

    public void Lend(long length)
    {
        Length = length;
        _lent = 1;
    }

    public void Free()
    {
        NativeMemory.AlignedFree(_block);
        _block = null;
        GC.SuppressFinalize(this);
    }

    public override void Dispose()
    {
        if (Interlocked.Exchange(ref _lent, 0) == 1)
        {
            _pool.Return(this);
        }
    }
}
