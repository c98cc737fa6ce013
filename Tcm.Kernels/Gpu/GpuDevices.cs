using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// Finds and opens GPUs. The only door from <see cref="Devices"/> to ILGPU: its methods are not inlined, so that a process
/// that stays on the CPU never loads that assembly.
/// </summary>
internal static class GpuDevices
{
    /// <summary>All CUDA, then all OpenCL devices; empty without drivers, never an exception.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static IReadOnlyList<DeviceInfo> List() =>
        [.. GpuLibraries.HasCuda ? Probe("cuda") : [], .. GpuLibraries.HasOpenCl ? Probe("opencl") : []];

    /// <summary>Whether there is a CUDA device.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool HasCuda() => GpuLibraries.HasCuda && Probe("cuda").Count > 0;

    /// <summary>Opens <c>cuda:index</c> or <c>opencl:index</c>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Backend Open(string kind, int index, Precision precision)
    {
        string name = $"{kind}:{index}";
        string words = kind == "cuda" ? "CUDA" : "OpenCL";
        string library = kind == "cuda" ? GpuLibraries.CudaFile : GpuLibraries.OpenClFile;
        if (!(kind == "cuda" ? GpuLibraries.HasCuda : GpuLibraries.HasOpenCl))
        {
            throw new DeviceException(
                $"{name}: no {words} device was found (the driver library {library} is not on this machine)");
        }
        Context? context = null;
        try
        {
            context = CreateContext(kind);
            var devices = Find(context, kind);
            if (index >= devices.Count)
            {
                throw new DeviceException(devices.Count == 0
                    ? $"{name}: no {words} device was found (the driver {library} reports none)"
                    : $"{name}: there is no such device, the last is {kind}:{devices.Count - 1}");
            }
            var accelerator = devices[index].CreateAccelerator(context);
            if (!GpuBackend.Supports(accelerator, precision))
            {
                accelerator.Dispose();
                throw GpuBackend.NoTensorCores(name, precision);
            }
            var backend = new GpuBackend(name, accelerator, context, precision);
            context = null; // the backend's from here on
            return backend;
        }
        catch (Exception e) when (IsAbsence(e))
        {
            throw new DeviceException($"{name}: the driver {library} failed: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        finally
        {
            context?.Dispose();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static List<DeviceInfo> Probe(string kind)
    {
        try
        {
            using var context = CreateContext(kind);
            return [.. Find(context, kind).Select((d, i) => new DeviceInfo($"{kind}:{i}", d.Name, d.MemorySize))];
        }
        catch (Exception e) when (IsAbsence(e))
        {
            return []; // a driver that is broken or too old has no devices
        }
    }

    /// <summary>CUDA compiles at O2, whose flaws <see cref="PtxRewriter"/> mends; OpenCL at O1, its text is not mended.</summary>
    private static Context CreateContext(string kind)
    {
        GpuLibraries.EnsureRegistered();
        return kind == "cuda"
            ? Context.Create(b => b.Cuda(_ => true).Optimize(OptimizationLevel.O2).EnableAlgorithms())
            : Context.Create(b => b.OpenCL(_ => true).Optimize(OptimizationLevel.O1).EnableAlgorithms());
    }

    private static List<Device> Find(Context context, string kind)
    {
        var devices = new List<Device>();
        if (kind == "cuda")
        {
            foreach (var device in context.GetCudaDevices())
            {
                devices.Add(device);
            }
            return devices;
        }
        foreach (var device in context.GetCLDevices())
        {
            if (device.Capabilities.GenericAddressSpace)
            {
                devices.Add(device);
            }
        }
        return devices;
    }

    // What ILGPU and the loader throw when a driver is absent, too old, or has no device.
    private static bool IsAbsence(Exception e) => e is AcceleratorException or DllNotFoundException
        or EntryPointNotFoundException or BadImageFormatException or TypeInitializationException or NotSupportedException
        or InvalidOperationException or AggregateException;
}
