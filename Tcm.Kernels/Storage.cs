namespace Tcm.Kernels;

/// <summary>
/// A run of floats in the memory of one device, lent by the pool of a <see cref="Kernels.Backend"/>. Disposing gives it
/// back to the pool. Not thread-safe: one owner.
/// </summary>
public abstract class Storage : IDisposable
{
    // Only Tcm derives from it, so that members can be added.
    private protected Storage() { }

    /// <summary>The backend whose memory this is.</summary>
    public abstract Backend Backend { get; }

    /// <summary>Number of floats that were asked for.</summary>
    public long Length { get; private protected set; }

    /// <summary>The whole storage.</summary>
    public Slice All => new(this, 0, Length);

    /// <summary>Returns the memory to the pool; a second call does nothing.</summary>
    public abstract void Dispose();
}

/// <summary>
/// Part of a <see cref="Storage"/>: <paramref name="Length"/> floats from <paramref name="Offset"/> on. A value, free to share
/// between threads; what it refers to has one owner.
/// </summary>
public readonly record struct Slice(Storage Storage, long Offset, long Length)
{
    /// <summary>A part of this slice, in floats.</summary>
    public Slice Part(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > Length - length)
        {
            throw new ShapeException($"Slice: part [{offset}, {offset}+{length}) of a slice of {Length} floats");
        }
        return new Slice(Storage, Offset + offset, length);
    }
}

/// <summary>What a backend's memory pool holds, in bytes, and how often it had to ask the system.</summary>
/// <param name="InUse">Bytes lent at this moment.</param>
/// <param name="Pooled">Bytes kept for reuse.</param>
/// <param name="SystemAllocations">Number of allocations taken from the system since the backend was opened.</param>
public readonly record struct MemoryUse(long InUse, long Pooled, long SystemAllocations);
