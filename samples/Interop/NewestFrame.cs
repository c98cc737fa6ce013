namespace Tcm.Samples.Interop;

/// <summary>
/// Between a camera and a slower consumer: whoever takes a frame gets the newest one, and those in between are dropped. Three buffers in
/// turn, nothing else is ever allocated: one that the camera fills, one that is ready, one that the consumer reads. One camera, one
/// consumer, on any threads.
/// </summary>
/// <param name="size">Bytes of a frame.</param>
internal sealed class NewestFrame(int size) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _changed = new(0);
    private byte[] _filling = new byte[size], _ready = new byte[size], _reading = new byte[size];
    private bool _isReady, _ended;

    /// <summary>Frames that nobody took.</summary>
    public int Dropped { get; private set; }

    /// <summary>Where the camera writes its next frame.</summary>
    public byte[] Next => _filling;

    /// <summary>The camera has filled <see cref="Next"/>, which is another one from now on.</summary>
    public void Publish()
    {
        lock (_lock)
        {
            (_filling, _ready) = (_ready, _filling);
            Dropped += _isReady ? 1 : 0;
            if (_isReady)
            {
                return;
            }
            _isReady = true;
        }
        _changed.Release();
    }

    /// <summary>No more frames come.</summary>
    public void End()
    {
        lock (_lock)
        {
            _ended = true;
        }
        _changed.Release();
    }

    /// <summary>Waits for a frame that was not taken yet; it stays as it is until the next call. Null at the end.</summary>
    public async Task<byte[]?> TakeAsync(CancellationToken cancellation = default)
    {
        while (true)
        {
            await _changed.WaitAsync(cancellation).ConfigureAwait(false);
            lock (_lock)
            {
                if (_isReady)
                {
                    _isReady = false;
                    (_reading, _ready) = (_ready, _reading);
                    return _reading;
                }
                if (_ended)
                {
                    // For the next call.
                    _changed.Release();
                    return null;
                }
            }
        }
    }

    public void Dispose() => _changed.Dispose();
}
