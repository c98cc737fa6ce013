namespace Tcm.Detect.Pipeline;

/// <summary>
/// Lets calls in until it is closed, and releases what they use when it is closed and the last of them has ended. Thread-safe.
/// </summary>
/// <param name="owner">What an <see cref="ObjectDisposedException"/> names.</param>
/// <param name="release">Called once.</param>
internal sealed class CallGate(object owner, Action release)
{
    private readonly Lock _lock = new();
    private int _calls;
    private bool _closed;

    /// <summary>A call begins; it ends with the disposal of the result, which must happen once.</summary>
    /// <exception cref="ObjectDisposedException">The gate is closed.</exception>
    public Call Enter()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closed, owner);
            _calls++;
        }
        return new Call(this);
    }

    /// <summary>Lets no more calls in; does not wait for those that run. A second time it does nothing.</summary>
    public void Close()
    {
        bool last;
        lock (_lock)
        {
            last = !_closed && _calls == 0;
            _closed = true;
        }
        if (last)
        {
            release();
        }
    }

    private void Leave()
    {
        bool last;
        lock (_lock)
        {
            last = --_calls == 0 && _closed;
        }
        if (last)
        {
            release();
        }
    }

    internal readonly struct Call(CallGate gate) : IDisposable
    {
        public void Dispose() => gate.Leave();
    }
}
