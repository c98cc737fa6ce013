namespace Tcm.Kernels;

/// <summary>
/// A series of operations that can be repeated; see <see cref="Backend.Record"/>. It reads and writes the same memory every time:
/// change the contents of its inputs, not the inputs. May be run from many threads, which take turns where the backend's callers do;
/// what they do with inputs and results around it is theirs to order.
/// </summary>
public abstract class RecordedPass : IDisposable
{
    // Only Tcm derives from it, so that members can be added.
    private protected RecordedPass() { }

    /// <summary>Whether a driver replays the whole as one launch (a CUDA graph); otherwise the operations are called again.</summary>
    public abstract bool IsGraph { get; }

    /// <summary>Why this is no graph although the device has graphs; null where it is one, or where there are none.</summary>
    public virtual string? Reason => null;

    /// <summary>Repeats the operations; on a GPU they are queued.</summary>
    /// <exception cref="DeviceException">The device failed.</exception>
    public abstract void Run();

    /// <summary>Gives back what repeating takes; a second call does nothing. Inputs and results belong to the caller.</summary>
    public abstract void Dispose();
}

/// <summary>Where the backend has nothing to gain: the calls themselves.</summary>
internal sealed class RepeatedCalls(Action pass) : RecordedPass
{
    private bool _disposed;

    public override bool IsGraph => false;

    public override void Run()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        pass();
    }

    public override void Dispose() => _disposed = true;
}
