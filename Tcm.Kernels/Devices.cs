using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels;

/// <summary>A device that could be opened. Immutable; safe to share between threads.</summary>
/// <param name="Name">What <see cref="Devices.Open"/> takes: <c>cpu</c>, <c>cuda:0</c>, <c>opencl:0</c>.</param>
/// <param name="Description">The device in words.</param>
/// <param name="MemoryBytes">Its memory, 0 when unknown.</param>
public sealed record DeviceInfo(string Name, string Description, long MemoryBytes);

/// <summary>Lists and opens devices. Nothing here ever replaces the device that was asked for by another. Thread-safe.</summary>
public static class Devices
{
    /// <summary>Opens <c>cpu</c>, <c>cuda:i</c>, <c>opencl:i</c>, or <c>auto</c>: the first CUDA device if there is one,
    /// else the CPU.</summary>
    /// <param name="name">The device; upper and lower case are the same; <c>cuda</c> means <c>cuda:0</c>.</param>
    /// <param name="threads">Threads of the CPU backend, 0 for one a core.</param>
    /// <param name="precision">What matrix products and convolutions may round their factors to. Gradients are products too:
    /// meant for inference.</param>
    /// <exception cref="DeviceException">There is no such device, or it cannot compute in that precision: the CPU and OpenCL
    /// devices have <see cref="Precision.Fp32"/> only; or the program was built without GPUs (trimmed, natively
    /// compiled).</exception>
    public static Backend Open(string name, int threads = 0, Precision precision = Precision.Fp32)
    {
        ArgumentNullException.ThrowIfNull(name);
        string[] parts = name.Trim().ToLowerInvariant().Split(':');
        return parts switch
        {
            ["cpu"] => OpenCpu(threads, precision),
            ["auto"] => HasCuda() ? OpenGpu("cuda", 0, precision) : OpenCpu(threads, precision),
            ["cuda" or "opencl"] => OpenGpu(parts[0], 0, precision),
            ["cuda" or "opencl", string digits]
                when int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int index)
                => OpenGpu(parts[0], index, precision),
            _ => throw new DeviceException(
                $"'{name}' is not a device; expected auto, cpu, cuda, cuda:i, opencl or opencl:i with i = 0, 1, ..."),
        };
    }

    private static CpuBackend OpenCpu(int threads, Precision precision) => precision == Precision.Fp32
        ? new CpuBackend(threads)
        : throw new DeviceException($"cpu: {precision} needs tensor cores (CUDA, compute capability 8.0 or later); the CPU "
            + "computes in Fp32");

    /// <summary>The CPU, then every CUDA and OpenCL device that the drivers of this machine report.</summary>
    public static IReadOnlyList<DeviceInfo> List()
    {
        using var cpu = new CpuBackend();
        var host = new DeviceInfo("cpu", cpu.Description, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        return GpuIncluded ? [host, .. Gpu.GpuDevices.List()] : [host];
    }

    /// <summary>Whether this program has the GPU backends: yes, unless it was built with the property <c>TcmGpu</c> set to false,
    /// as trimmed and natively compiled programs are; they then hold nothing of ILGPU.</summary>
    [FeatureSwitchDefinition("Tcm.Gpu")]
    internal static bool GpuIncluded => !AppContext.TryGetSwitch("Tcm.Gpu", out bool included) || included;

    private static bool HasCuda() => GpuIncluded && Gpu.GpuDevices.HasCuda();

    private static Backend OpenGpu(string kind, int index, Precision precision) => GpuIncluded
        ? Gpu.GpuDevices.Open(kind, index, precision)
        : throw new DeviceException($"{kind}:{index}: this program was built without GPUs (TcmGpu is false); it has the cpu only");
}
