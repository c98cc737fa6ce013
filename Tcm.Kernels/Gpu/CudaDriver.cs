using System.Runtime.InteropServices;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// Calls of the CUDA driver that ILGPU 1.5.3 does not have: capture and replay of graphs, page-locked memory, copies and events
/// that order two streams. From the library that ILGPU is given as well (<see cref="GpuLibraries"/>). The accelerator's context must
/// be current on the calling thread. Every result is checked; a failure is a <see cref="DeviceException"/> that names the call.
/// </summary>
internal sealed unsafe class CudaDriver
{
    private const int Success = 0, NotReady = 600;
    private const int CaptureThreadLocal = 1, EventDisableTiming = 2;

    private static readonly Lazy<CudaDriver> Loaded = new(() => new CudaDriver(NativeLibrary.Load(GpuLibraries.CudaFile)));

    private readonly Dictionary<string, nint> _functions = [];

    private CudaDriver(nint library)
    {
        foreach (string name in Names)
        {
            _functions[name] = NativeLibrary.TryGetExport(library, name, out nint address) ? address : 0;
        }
    }

    // The driver's own entry points, with the version that CUDA 11.4 and later headers map them to.
    private static readonly string[] Names =
    [
        "cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphInstantiateWithFlags", "cuGraphGetNodes", "cuGraphLaunch",
        "cuGraphDestroy", "cuGraphExecDestroy", "cuMemHostAlloc", "cuMemFreeHost", "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2",
        "cuEventCreate", "cuEventRecord", "cuEventQuery", "cuEventSynchronize", "cuEventDestroy_v2", "cuStreamWaitEvent",
        "cuGetErrorName",
    ];

    /// <summary>The driver of this process.</summary>
    /// <exception cref="DllNotFoundException">There is none.</exception>
    public static CudaDriver Instance => Loaded.Value;

    /// <summary>The first of the functions above that this driver lacks, or null.</summary>
    public string? Missing => Names.FirstOrDefault(name => _functions[name] == 0);

    /// <summary>From here on, work on the stream is collected; calls of this thread that could wait are errors.</summary>
    public void BeginCapture(nint stream) => Check("cuStreamBeginCapture_v2",
        ((delegate* unmanaged<nint, int, int>)Find("cuStreamBeginCapture_v2"))(stream, CaptureThreadLocal));

    /// <summary>What was collected, ready to be launched.</summary>
    /// <exception cref="DeviceException">Something made the capture invalid, or nothing was collected.</exception>
    public nint EndCapture(nint stream)
    {
        nint graph = 0;
        Check("cuStreamEndCapture", ((delegate* unmanaged<nint, nint*, int>)Find("cuStreamEndCapture"))(stream, &graph));
        try
        {
            nuint nodes = 0;
            Check("cuGraphGetNodes",
                ((delegate* unmanaged<nint, nint*, nuint*, int>)Find("cuGraphGetNodes"))(graph, null, &nodes));
            if (nodes == 0)
            {
                throw new DeviceException("cuStreamEndCapture: the graph is empty");
            }
            nint executable = 0;
            Check("cuGraphInstantiateWithFlags", ((delegate* unmanaged<nint*, nint, ulong, int>)
                Find("cuGraphInstantiateWithFlags"))(&executable, graph, 0));
            return executable;
        }
        finally
        {
            ((delegate* unmanaged<nint, int>)Find("cuGraphDestroy"))(graph);
        }
    }

    /// <summary>Takes a stream out of capture, whatever state that is in.</summary>
    public void AbandonCapture(nint stream)
    {
        nint graph = 0;
        int result = ((delegate* unmanaged<nint, nint*, int>)Find("cuStreamEndCapture"))(stream, &graph);
        if (result == Success && graph != 0)
        {
            ((delegate* unmanaged<nint, int>)Find("cuGraphDestroy"))(graph);
        }
    }

    /// <summary>Queues a graph.</summary>
    public void Launch(nint executable, nint stream) => Check("cuGraphLaunch",
        ((delegate* unmanaged<nint, nint, int>)Find("cuGraphLaunch"))(executable, stream));

    /// <summary>Frees a graph that is not running.</summary>
    public void DestroyGraph(nint executable) => Check("cuGraphExecDestroy",
        ((delegate* unmanaged<nint, int>)Find("cuGraphExecDestroy"))(executable));

    /// <summary>Page-locked host memory.</summary>
    public nint AllocateHost(long bytes)
    {
        nint pointer = 0;
        Check("cuMemHostAlloc", ((delegate* unmanaged<nint*, nuint, uint, int>)Find("cuMemHostAlloc"))(&pointer, (nuint)bytes, 0));
        return pointer;
    }

    public void FreeHost(nint pointer) => Check("cuMemFreeHost",
        ((delegate* unmanaged<nint, int>)Find("cuMemFreeHost"))(pointer));

    public void CopyToDevice(nint destination, nint source, long bytes, nint stream) => Check("cuMemcpyHtoDAsync_v2",
        ((delegate* unmanaged<nint, nint, nuint, nint, int>)Find("cuMemcpyHtoDAsync_v2"))(destination, source, (nuint)bytes, stream));

    public void CopyToHost(nint destination, nint source, long bytes, nint stream) => Check("cuMemcpyDtoHAsync_v2",
        ((delegate* unmanaged<nint, nint, nuint, nint, int>)Find("cuMemcpyDtoHAsync_v2"))(destination, source, (nuint)bytes, stream));

    /// <summary>An event without a clock.</summary>
    public nint CreateEvent()
    {
        nint created = 0;
        Check("cuEventCreate", ((delegate* unmanaged<nint*, uint, int>)Find("cuEventCreate"))(&created, EventDisableTiming));
        return created;
    }

    /// <summary>The event happens when all that was queued on the stream so far is done.</summary>
    public void Record(nint happening, nint stream) => Check("cuEventRecord",
        ((delegate* unmanaged<nint, nint, int>)Find("cuEventRecord"))(happening, stream));

    /// <summary>Whether it has happened.</summary>
    public bool HasHappened(nint happening)
    {
        int result = ((delegate* unmanaged<nint, int>)Find("cuEventQuery"))(happening);
        if (result == NotReady)
        {
            return false;
        }
        Check("cuEventQuery", result);
        return true;
    }

    /// <summary>Blocks the thread until it has happened.</summary>
    public void WaitFor(nint happening) => Check("cuEventSynchronize",
        ((delegate* unmanaged<nint, int>)Find("cuEventSynchronize"))(happening));

    /// <summary>What is queued on the stream from now on waits until it has happened; the thread does not.</summary>
    public void MakeWait(nint stream, nint happening) => Check("cuStreamWaitEvent",
        ((delegate* unmanaged<nint, nint, uint, int>)Find("cuStreamWaitEvent"))(stream, happening, 0));

    public void DestroyEvent(nint happening) => Check("cuEventDestroy_v2",
        ((delegate* unmanaged<nint, int>)Find("cuEventDestroy_v2"))(happening));

    private nint Find(string name) => _functions[name] is not 0 and var address ? address
        : throw new DeviceException($"{GpuLibraries.CudaFile} has no {name}; it is too old");

    private void Check(string call, int result)
    {
        if (result == Success)
        {
            return;
        }
        nint name = 0;
        if (_functions["cuGetErrorName"] is not 0 and var address)
        {
            ((delegate* unmanaged<int, nint*, int>)address)(result, &name);
        }
        throw new DeviceException($"{call} failed: {(name == 0 ? "error" : Marshal.PtrToStringUTF8(name))} ({result})");
    }
}
