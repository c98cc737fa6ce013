using ILGPU.Runtime.Cuda;

namespace Tcm.Kernels.Gpu;

// Recorded passes: CUDA graphs (CUDA programming guide, "CUDA Graphs", stream capture). ILGPU launches kernels and copies on our one
// stream through the driver, so that all of them are captured; what is not a launch or a copy within the device is refused.
internal sealed partial class GpuBackend
{
    private bool _capturing;

    /// <summary>Whether captured passes are replayed; the benchmark switches it off to compare.</summary>
    internal bool GraphsEnabled { get; set; } = true;

    /// <summary>Graphs that live.</summary>
    internal int Graphs { get; private set; }

    /// <inheritdoc/>
    public override RecordedPass Record(Action pass)
    {
        ArgumentNullException.ThrowIfNull(pass);
        lock (_lock)
        {
            Ready("Record");
            _memory.OpenReserve();
            try
            {
                // Compiles every kernel and fills the reserve, so that the captured call need not.
                RunReserved(pass);
                long work = MultiplyAdds;
                var (graph, reason) = TryCapture(pass);
                work = MultiplyAdds - work;
                var recorded = new GpuPass(this, pass, graph, work, reason);
                if (graph != 0 || (reason is not null && _driver is not null))
                {
                    recorded.Run();
                }
                return recorded;
            }
            catch
            {
                _memory.CloseReserve();
                throw;
            }
        }
    }

    /// <summary>The graph, 0 where there is none, and why not. Without a driver the rules are kept all the same.</summary>
    private (nint Graph, string? Reason) TryCapture(Action pass)
    {
        if (MissingCall is not null)
        {
            return (0, $"{GpuLibraries.CudaFile} has no {MissingCall}; it is too old");
        }
        if (_driver is not null && !GraphsEnabled)
        {
            return (0, "graphs are switched off");
        }
        try
        {
            return (Capture(pass), null);
        }
        catch (Exception e) when (e is CaptureException or DeviceException)
        {
            if (_driver is null)
            {
                // No driver takes the work: half of it has been done, and the rest follows.
                RunReserved(pass);
            }
            return (0, e.Message);
        }
    }

    private nint Capture(Action pass)
    {
        using var binding = _accelerator.BindScoped();
        nint stream = _driver is null ? 0 : ((CudaStream)_stream).StreamPtr;
        _driver?.BeginCapture(stream);
        bool complete = false;
        _capturing = _memory.IsFrozen = true;
        try
        {
            RunReserved(pass);
            complete = true;
        }
        finally
        {
            _capturing = _memory.IsFrozen = false;
            if (!complete)
            {
                _driver?.AbandonCapture(stream);
            }
        }
        if (_driver is null)
        {
            return 0;
        }
        nint graph = _driver.EndCapture(stream);
        Graphs++;
        return graph;
    }

    /// <summary>Operations take their memory from the reserve.</summary>
    private void RunReserved(Action pass)
    {
        _memory.IsReserving = true;
        try
        {
            pass();
        }
        finally
        {
            _memory.IsReserving = false;
        }
    }

    /// <exception cref="ObjectDisposedException">The backend is disposed.</exception>
    /// <exception cref="CaptureException">A pass is being captured.</exception>
    private void Ready(string op)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_capturing)
        {
            throw new CaptureException($"{Name}: {op} within a captured pass");
        }
    }

    private sealed class GpuPass(GpuBackend backend, Action pass, nint graph, long work, string? reason) : RecordedPass
    {
        private bool _disposed;

        public override bool IsGraph => graph != 0;

        public override string? Reason => reason;

        public override void Run()
        {
            lock (backend._lock)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                backend.Ready("RecordedPass.Run");
                if (graph == 0)
                {
                    backend.RunReserved(pass);
                    return;
                }
                using var binding = backend._accelerator.BindScoped();
                backend._driver!.Launch(graph, ((CudaStream)backend._stream).StreamPtr);
                CountMultiplyAdds(work);
            }
        }

        public override void Dispose()
        {
            lock (backend._lock)
            {
                if (_disposed)
                {
                    return;
                }
                _disposed = true;
                if (backend._disposed)
                {
                    return; // its context, and all that was in it, is gone
                }
                if (graph != 0)
                {
                    using var binding = backend._accelerator.BindScoped();
                    FreeUnlessLost(() =>
                    {
                        backend._stream.Synchronize();
                        backend._driver!.DestroyGraph(graph);
                    });
                    backend.Graphs--;
                }
                backend._memory.CloseReserve();
            }
        }
    }
}
