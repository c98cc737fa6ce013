using System.Runtime.CompilerServices;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Tcm.Kernels.Gpu;

// Copies through page-locked memory. Bytes go up on a stream of their own, so that those of the next picture travel while the
// network works on the one before; results come down on the stream of the operations, and the caller waits outside of the lock.
internal sealed partial class GpuBackend
{
    /// <summary>Uploads that may be under way; one more waits for the oldest.</summary>
    internal const int MaxUploads = 8;

    private readonly List<GpuUpload> _uploads = [];
    private readonly Stack<nint> _events = [];
    private AcceleratorStream? _copies;

    /// <summary>Host buffers that the system refused to lock.</summary>
    internal int UnlockedBuffers => _host.Unlocked;

    /// <summary>Uploads that memory is kept for.</summary>
    internal int UploadSlots => _uploads.Count;

    /// <inheritdoc/>
    public override HostCopy BeginDownload(Slice source)
    {
        Check.That(source.Length is > 0 and <= int.MaxValue, $"BeginDownload: {source.Length} floats");
        return Guard<HostCopy>("BeginDownload", () =>
        {
            var view = LongView(source);
            var buffer = _host.Rent(source.Length * sizeof(float));
            if (_driver is null)
            {
                view.CopyToCPU(_stream, ref buffer.GetSpan()[0], source.Length);
                _stream.Synchronize();
                return new GpuHostCopy(this, buffer, (int)source.Length, 0);
            }
            nint stream = ((CudaStream)_stream).StreamPtr;
            try
            {
                nint done = _events.TryPop(out nint idle) ? idle : _driver.CreateEvent();
                _driver.CopyToHost(buffer.Pointer, view.LoadEffectiveAddressAsPtr(), source.Length * sizeof(float), stream);
                _driver.Record(done, stream);
                return new GpuHostCopy(this, buffer, (int)source.Length, done);
            }
            catch (DeviceException e)
            {
                // The buffer and the event are not lent again: the copy may have begun.
                throw Failed("BeginDownload", e);
            }
        });
    }

    /// <summary>Lends a place for bytes on their way up: fill <see cref="GpuUpload.Host"/>, send, launch what reads them, dispose.</summary>
    internal GpuUpload BeginUpload(long bytes) => Guard("Upload", () =>
    {
        var upload = _uploads.Where(u => !u.IsLent && (_driver is null || _driver.HasHappened(u.Consumed)))
            .OrderByDescending(u => u.Capacity >= bytes).ThenBy(u => u.Capacity).FirstOrDefault();
        if (upload is null && _uploads.Count >= MaxUploads && _uploads.Find(u => !u.IsLent) is { } oldest)
        {
            _driver?.WaitFor(oldest.Consumed);
            upload = oldest;
        }
        if (upload is null)
        {
            upload = new GpuUpload(this);
            _uploads.Add(upload);
        }
        // The oldest is the first.
        _uploads.Remove(upload);
        _uploads.Add(upload);
        upload.Lend(bytes);
        return upload;
    });

    // Waits outside of the lock, so that others go on queueing.
    private void WaitFor(nint happening)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        using var binding = _accelerator.BindScoped();
        try
        {
            _driver!.WaitFor(happening);
        }
        catch (DeviceException e)
        {
            throw Failed("Download", e);
        }
    }

    private void Return(HostBuffer buffer, nint happening)
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return; // page-locked memory and events went with the context
            }
            if (happening != 0)
            {
                _events.Push(happening);
            }
            using var binding = _accelerator.BindScoped();
            _host.Return(buffer);
        }
    }

    /// <summary>Frees what no copy uses. The streams must be idle.</summary>
    private void TrimTransfers()
    {
        foreach (var upload in _uploads.Where(u => !u.IsLent).ToList())
        {
            upload.Free();
            _uploads.Remove(upload);
        }
        while (_events.TryPop(out nint happening))
        {
            _driver!.DestroyEvent(happening);
        }
        _host.Trim();
    }

    // The accelerator frees what is on the device; page-locked memory is the context's, plain memory is ours.
    private void DisposeTransfers()
    {
        using var binding = _accelerator.BindScoped();
        try
        {
            _stream.Synchronize();
            _copies?.Synchronize();
            TrimTransfers();
        }
        catch (Exception e) when (e is AcceleratorException or DeviceException)
        {
            // The device is lost; all of it goes with its context.
        }
        _copies?.Dispose();
    }

    private sealed class GpuHostCopy(GpuBackend backend, HostBuffer buffer, int length, nint done) : HostCopy
    {
        private bool _complete = done == 0, _disposed;

        public override bool IsCompleted
        {
            get
            {
                if (!_complete && !_disposed)
                {
                    using var binding = backend._accelerator.BindScoped();
                    _complete = backend._driver!.HasHappened(done);
                }
                return _complete;
            }
        }

        public override ReadOnlyMemory<float> Wait()
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_complete)
            {
                backend.WaitFor(done);
                _complete = true;
            }
            return buffer.Memory[..length];
        }

        public override void Dispose()
        {
            if (_disposed)
            {
                return;
            }
            _disposed = true;
            try
            {
                if (!_complete && !backend._disposed)
                {
                    backend.WaitFor(done); // the copy still writes
                }
            }
            catch (DeviceException)
            {
                return; // the device is lost; whoever asks it next is told, and the memory is not lent again
            }
            backend.Return(buffer, done);
        }
    }

    /// <summary>A place for bytes on the host and on the device. Lent to one thread at a time.</summary>
    internal sealed class GpuUpload(GpuBackend backend) : IDisposable
    {
        private HostBuffer? _host;
        private MemoryBuffer1D<float, ILGPU.Stride1D.Dense>? _device;
        private nint _arrived;
        private long _bytes;
        private bool _sent;

        public bool IsLent { get; private set; }

        /// <summary>When the device has read the bytes; 0 without a driver.</summary>
        public nint Consumed { get; private set; }

        public long Capacity => _host?.Capacity ?? 0;

        /// <summary>Where the caller writes the bytes.</summary>
        public Span<byte> Host => _host!.Bytes(_bytes);

        /// <summary>Where kernels read them once they are sent.</summary>
        public ILGPU.ArrayView<byte> Device => _device!.View.BaseView.Cast<byte>();

        // Under the backend's lock, when nothing uses the memory.
        public void Lend(long bytes)
        {
            if (bytes > Capacity)
            {
                Free();
                var host = backend._host.Rent(bytes);
                try
                {
                    _device = backend._accelerator.Allocate1D<float>(host.Capacity / sizeof(float));
                }
                catch
                {
                    backend._host.Return(host);
                    throw;
                }
                _host = host;
            }
            if (backend._driver is { } driver && Consumed == 0)
            {
                Consumed = driver.CreateEvent();
                _arrived = driver.CreateEvent();
            }
            _bytes = bytes;
            _sent = false;
            IsLent = true;
        }

        /// <summary>Begins the copy; what is launched from now on finds the bytes on the device.</summary>
        public void Send() => backend.Guard("Upload", () =>
        {
            if (backend._driver is not { } driver)
            {
                Device.SubView(0, _bytes).CopyFromCPU(backend._stream, ref Unsafe.AsRef(ref Host[0]), _bytes);
                backend._stream.Synchronize();
                return 0;
            }
            backend._copies ??= backend._accelerator.CreateStream();
            nint copies = ((CudaStream)backend._copies).StreamPtr, operations = ((CudaStream)backend._stream).StreamPtr;
            driver.CopyToDevice(_device!.NativePtr, _host!.Pointer, _bytes, copies);
            driver.Record(_arrived, copies);
            driver.MakeWait(operations, _arrived);
            _sent = true;
            return 0;
        });

        /// <summary>Gives the place back; it is lent again when the kernels launched so far are done.</summary>
        public void Dispose()
        {
            lock (backend._lock)
            {
                if (!IsLent || backend._disposed)
                {
                    return;
                }
                IsLent = false;
                if (_sent)
                {
                    using var binding = backend._accelerator.BindScoped();
                    backend._driver!.Record(Consumed, ((CudaStream)backend._stream).StreamPtr);
                }
            }
        }

        // Under the backend's lock, when nothing uses the memory.
        public void Free()
        {
            if (_host is not null)
            {
                backend._host.Return(_host);
                _host = null;
            }
            _device?.Dispose();
            _device = null;
            if (backend._driver is { } driver && Consumed != 0)
            {
                driver.DestroyEvent(Consumed);
                driver.DestroyEvent(_arrived);
                Consumed = _arrived = 0;
            }
        }
    }
}
