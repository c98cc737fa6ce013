namespace Tcm.Kernels;

/// <summary>
/// Values on their way from a device to host memory that belongs to the backend; see <see cref="Backend.BeginDownload"/>. One owner,
/// who may be another thread than the one that began it. Not thread-safe.
/// </summary>
public abstract class HostCopy : IDisposable
{
    // Only Tcm derives from it, so that members can be added.
    private protected HostCopy() { }

    /// <summary>Whether the values are there, so that <see cref="Wait"/> returns at once.</summary>
    public abstract bool IsCompleted { get; }

    /// <summary>Waits for the values. They are valid until <see cref="Dispose"/>.</summary>
    /// <exception cref="DeviceException">The device failed in the copy or in an operation before it.</exception>
    public abstract ReadOnlyMemory<float> Wait();

    /// <summary>Gives the host memory back; a second call does nothing.</summary>
    public abstract void Dispose();
}

/// <summary>A copy that was complete when it began.</summary>
internal sealed class ArrayCopy(float[] values) : HostCopy
{
    public override bool IsCompleted => true;

    public override ReadOnlyMemory<float> Wait() => values;

    public override void Dispose() { }
}
