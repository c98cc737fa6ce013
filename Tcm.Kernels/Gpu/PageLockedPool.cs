using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// Host memory that a CUDA device copies from and to by itself, kept for reuse; plain memory where there is no CUDA device, or where
/// the system refuses to lock pages. Callers hold the backend's lock.
/// </summary>
/// <param name="driver">Null without a CUDA device.</param>
internal sealed class PageLockedPool(CudaDriver? driver) : IDisposable
{
    /// <summary>Locked pages are taken from the whole machine: what is idle beyond this is given back.</summary>
    private const long MaxIdle = 256L << 20;
    private const int MinBytes = 64 * 1024;

    private readonly List<HostBuffer> _idle = [];

    /// <summary>Buffers that could not be locked, so that copies of them are slower and wait.</summary>
    public int Unlocked { get; private set; }

    /// <summary>Bytes kept for reuse.</summary>
    public long Idle => _idle.Sum(b => b.Capacity);

    public HostBuffer Rent(long bytes)
    {
        long capacity = (long)BitOperations.RoundUpToPowerOf2((ulong)Math.Max(bytes, MinBytes));
        int found = _idle.FindIndex(b => b.Capacity == capacity);
        if (found >= 0)
        {
            var buffer = _idle[found];
            _idle.RemoveAt(found);
            return buffer;
        }
        return Allocate(capacity);
    }

    /// <summary>Takes a buffer back that no copy uses any more.</summary>
    public void Return(HostBuffer buffer)
    {
        if (Idle + buffer.Capacity > MaxIdle)
        {
            Free(buffer);
        }
        else
        {
            _idle.Add(buffer);
        }
    }

    /// <summary>Frees what is idle.</summary>
    public void Trim()
    {
        _idle.ForEach(Free);
        _idle.Clear();
    }

    public void Dispose() => Trim();

    private unsafe HostBuffer Allocate(long capacity)
    {
        if (driver is not null)
        {
            try
            {
                return new HostBuffer(driver.AllocateHost(capacity), capacity, isLocked: true);
            }
            catch (DeviceException)
            {
                // A limit on locked pages. If it is the device, the next call will say so.
                Unlocked++;
            }
        }
        try
        {
            return new HostBuffer((nint)NativeMemory.AlignedAlloc((nuint)capacity, 64), capacity, isLocked: false);
        }
        catch (OutOfMemoryException e)
        {
            throw new DeviceException($"out of memory while allocating {capacity >> 20} MiB of the host for copies", e) { IsOutOfMemory = true };
        }
    }

    private unsafe void Free(HostBuffer buffer)
    {
        if (buffer.IsLocked)
        {
            driver!.FreeHost(buffer.Pointer);
        }
        else
        {
            NativeMemory.AlignedFree((void*)buffer.Pointer);
        }
    }
}

/// <summary>A block of <see cref="PageLockedPool"/>.</summary>
internal sealed unsafe class HostBuffer(nint pointer, long capacity, bool isLocked) : MemoryManager<float>
{
    public nint Pointer => pointer;

    public long Capacity => capacity;

    public bool IsLocked => isLocked;

    public Span<byte> Bytes(long length) => new((void*)pointer, checked((int)length));

    public override Span<float> GetSpan() => new((void*)pointer, checked((int)(capacity / sizeof(float))));

    public override MemoryHandle Pin(int elementIndex = 0) => new((float*)pointer + elementIndex);

    public override void Unpin() { }

    protected override void Dispose(bool disposing) { }
}
