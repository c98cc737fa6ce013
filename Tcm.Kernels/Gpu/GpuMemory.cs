using System.Numerics;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// Pool of device memory. ILGPU allocates with the driver's synchronous call, so blocks are kept and lent again; as all
/// work goes down one stream, a block may be lent while earlier kernels still use it. Every block is aligned to 256 bytes.
/// Recorded passes have a reserve of their own, which nobody else is lent from while one of them lives: a graph writes to the
/// addresses that it was captured with. One reserve serves all passes, because they never run at the same time.
/// Callers hold the backend's lock.
/// </summary>
internal sealed class GpuMemory(GpuBackend backend, Accelerator accelerator) : IDisposable
{
    private readonly Dictionary<long, Stack<GpuStorage>> _free = [], _reserve = [];
    private int _reservers;
    private long _inUse, _pooled, _systemAllocations;
    private bool _disposed;

    /// <summary>Whether memory is lent from the reserve now, which grows as needed.</summary>
    public bool IsReserving { get; set; }

    /// <summary>Whether the system may not be asked for more now.</summary>
    public bool IsFrozen { get; set; }

    public MemoryUse Use => new(_inUse, _pooled, _systemAllocations);

    public GpuStorage Rent(long length)
    {
        ObjectDisposedException.ThrowIf(_disposed, backend);
        long capacity = Capacity(length);
        GpuStorage? storage = null;
        bool found = (IsReserving && TryPop(_reserve, capacity, out storage)) || TryPop(_free, capacity, out storage);
        if (found)
        {
            _pooled -= capacity;
            storage!.Lend(length);
        }
        else if (IsFrozen)
        {
            throw new CaptureException(
                $"{backend.Name}: a captured pass takes {capacity} bytes that its first run did not take");
        }
        else
        {
            storage = new GpuStorage(backend, Allocate(capacity), capacity, length);
            _systemAllocations++;
        }
        storage.IsReserved = IsReserving;
        _inUse += capacity;
        return storage;
    }

    /// <summary>A recorded pass begins to live.</summary>
    public void OpenReserve() => _reservers++;

    /// <summary>It is gone. With the last one the reserve becomes common again; what is lent of it follows when it returns.</summary>
    public void CloseReserve()
    {
        if (--_reservers > 0)
        {
            return;
        }
        foreach (var storage in _reserve.Values.SelectMany(s => s))
        {
            Push(_free, storage);
        }
        _reserve.Clear();
    }

    public void Return(GpuStorage storage)
    {
        if (_disposed)
        {
            return; // the accelerator has freed its buffers
        }
        _inUse -= storage.Capacity;
        _pooled += storage.Capacity;
        Push(storage.IsReserved && _reservers > 0 ? _reserve : _free, storage);
    }

    /// <summary>Frees what is neither lent nor reserved. The stream must be idle.</summary>
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
        _reservers = 1;
        CloseReserve();
        Trim();
        _disposed = true;
    }

    private static bool TryPop(Dictionary<long, Stack<GpuStorage>> blocks, long capacity, out GpuStorage? storage)
    {
        storage = null;
        return blocks.TryGetValue(capacity, out var stack) && stack.TryPop(out storage);
    }

    private static void Push(Dictionary<long, Stack<GpuStorage>> blocks, GpuStorage storage)
    {
        if (!blocks.TryGetValue(storage.Capacity, out var stack))
        {
            blocks[storage.Capacity] = stack = [];
        }
        stack.Push(storage);
    }

    private MemoryBuffer1D<float, Stride1D.Dense> Allocate(long capacity)
    {
        try
        {
            return accelerator.Allocate1D<float>(capacity / sizeof(float));
        }
        catch (Exception e) when (IsShort(e) && _pooled > 0)
        {
            // Blocks of other sizes may be what is in the way.
            accelerator.Synchronize();
            Trim();
        }
        catch (Exception e) when (IsShort(e))
        {
            throw OutOfMemory(capacity, e);
        }
        try
        {
            return accelerator.Allocate1D<float>(capacity / sizeof(float));
        }
        catch (Exception e) when (IsShort(e))
        {
            throw OutOfMemory(capacity, e);
        }
    }

    // Anything else is the device's failure and not a matter of size. The simulator allocates host memory.
    private static bool IsShort(Exception e) => e is OutOfMemoryException
        || (e is CudaException cuda && cuda.Error == nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY))
        || (e is CLException cl && cl.Error is CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE or CLError.CL_OUT_OF_RESOURCES
            or CLError.CL_OUT_OF_HOST_MEMORY or CLError.CL_INVALID_BUFFER_SIZE);

    private DeviceException OutOfMemory(long bytes, Exception cause) => new(
        $"{backend.Name}: out of memory while allocating {bytes >> 20} MiB ({_inUse >> 20} MiB in use of " +
        $"{accelerator.MemorySize >> 20} MiB)", cause)
    {
        IsOutOfMemory = true,
    };

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

    /// <summary>Whether it goes back to the reserve of recorded passes.</summary>
    public bool IsReserved { get; set; }

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
