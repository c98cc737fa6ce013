using System.Numerics;
using ILGPU;
using ILGPU.Runtime;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// Pool of device memory. ILGPU allocates with the driver's synchronous call, so blocks are kept and lent again; as all
/// work goes down one stream, a block may be lent while earlier kernels still use it. Every block is aligned to 256 bytes.
/// Callers hold the backend's lock.
/// </summary>
internal sealed class GpuMemory(GpuBackend backend, Accelerator accelerator) : IDisposable
{
    private readonly Dictionary<long, Stack<GpuStorage>> _free = [];
    private long _inUse, _pooled, _systemAllocations;
    private bool _disposed;

    public MemoryUse Use => new(_inUse, _pooled, _systemAllocations);

    public GpuStorage Rent(long length)
    {
        ObjectDisposedException.ThrowIf(_disposed, backend);
        long capacity = Capacity(length);
        if (_free.TryGetValue(capacity, out var stack) && stack.TryPop(out var storage))
        {
            _pooled -= capacity;
            storage.Lend(length);
        }
        else
        {
            storage = new GpuStorage(backend, Allocate(capacity), capacity, length);
            _systemAllocations++;
        }
        _inUse += capacity;
        return storage;
    }

    public void Return(GpuStorage storage)
    {
        if (_disposed)
        {
            return; // the accelerator has freed its buffers
        }
        _inUse -= storage.Capacity;
        _pooled += storage.Capacity;
        if (!_free.TryGetValue(storage.Capacity, out var stack))
        {
            _free[storage.Capacity] = stack = [];
        }
        stack.Push(storage);
    }

    /// <summary>Frees what is not lent. The stream must be idle.</summary>
    public void Trim()
    {
        foreach (var stack in _free.Values)
        {
            while (stack.TryPop(out var storage))
            {
                _pooled -= storage.Capacity;
                storage.Buffer.Dispose();
            }
        }
    }

    public void Dispose()
    {
        Trim();
        _disposed = true;
    }

    private MemoryBuffer1D<float, Stride1D.Dense> Allocate(long capacity)
    {
        try
        {
            return accelerator.Allocate1D<float>(capacity / sizeof(float));
        }
        catch (Exception e) when (IsFailure(e) && _pooled > 0)
        {
            // Blocks of other sizes may be what is in the way.
            accelerator.Synchronize();
            Trim();
        }
        catch (Exception e) when (IsFailure(e))
        {
            throw OutOfMemory(capacity, e);
        }
        try
        {
            return accelerator.Allocate1D<float>(capacity / sizeof(float));
        }
        catch (Exception e) when (IsFailure(e))
        {
            throw OutOfMemory(capacity, e);
        }
    }

    // The simulator allocates host memory.
    private static bool IsFailure(Exception e) => e is AcceleratorException or OutOfMemoryException;

    private DeviceException OutOfMemory(long bytes, Exception cause) => new(
        $"{backend.Name}: out of memory while allocating {bytes >> 20} MiB ({_inUse >> 20} MiB in use of " +
        $"{accelerator.MemorySize >> 20} MiB)", cause);

    /// <summary>Bytes for a request: whole 256-byte lines, and above 64 KiB an eighth of the power of two below, so that
    /// similar sizes share blocks and at most an eighth is wasted.</summary>
    internal static long Capacity(long length)
    {
        long bytes = Math.Max(256, (checked(length * sizeof(float)) + 255) & ~255L);
        if (bytes <= 65536)
        {
            return bytes;
        }
        long step = 1L << (63 - 3 - BitOperations.LeadingZeroCount((ulong)bytes));
        return (bytes + step - 1) / step * step;
    }
}

/// <summary>A block of <see cref="GpuMemory"/>.</summary>
internal sealed class GpuStorage : Storage
{
    private readonly GpuBackend _backend;
    private int _lent = 1;

    public GpuStorage(GpuBackend backend, MemoryBuffer1D<float, Stride1D.Dense> buffer, long capacity, long length)
    {
        _backend = backend;
        Buffer = buffer;
        Capacity = capacity;
        Length = length;
    }

    public override Backend Backend => _backend;

    public MemoryBuffer1D<float, Stride1D.Dense> Buffer { get; }

    public long Capacity { get; }

    public void Lend(long length)
    {
        Length = length;
        _lent = 1;
    }

    public override void Dispose()
    {
        if (Interlocked.Exchange(ref _lent, 0) == 1)
        {
            _backend.Return(this);
        }
    }
}
