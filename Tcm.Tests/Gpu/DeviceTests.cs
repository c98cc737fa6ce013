using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using Tcm.Kernels;
using Tcm.Kernels.Cpu;

namespace Tcm.Tests.Gpu;

public sealed class DeviceTests
{
    [Theory]
    [InlineData("cpu")]
    [InlineData("CPU")]
    [InlineData(" Cpu ")]
    public void The_cpu_opens_by_name(string name)
    {
        using var backend = Devices.Open(name, threads: 1);
        Assert.Equal("cpu", backend.Name);
        Assert.Equal(1, Assert.IsType<CpuBackend>(backend).Threads);
    }

    [Theory]
    [InlineData("")]
    [InlineData("gpu")]
    [InlineData("cpu:0")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:+1")]
    [InlineData("cuda: 1")]
    [InlineData("cuda:0:1")]
    [InlineData("cuda:99999999999")]
    [InlineData("opencl:x")]
    public void A_malformed_name_lists_the_valid_forms(string name)
    {
        string message = Assert.Throws<DeviceException>(() => Devices.Open(name)).Message;
        Assert.Equal($"'{name}' is not a device; expected auto, cpu, cuda, cuda:i, opencl or opencl:i with i = 0, 1, ...",
            message);
    }

    [Theory]
    [InlineData("cuda", "cuda:0", "CUDA", "libcuda.so.1")]
    [InlineData("CUDA:3", "cuda:3", "CUDA", "libcuda.so.1")]
    [InlineData("opencl", "opencl:0", "OpenCL", "libOpenCL.so.1")]
    public void An_absent_device_is_named_with_its_driver(string name, string device, string kind, string library)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the drivers have other names here");
        bool present = NativeLibrary.TryLoad(library, out _);
        Assert.SkipWhen(present, $"{library} is on this machine");
        string message = Assert.Throws<DeviceException>(() => Devices.Open(name)).Message;
        Assert.Equal($"{device}: no {kind} device was found (the driver library {library} is not on this machine)", message);
    }

    [Fact]
    public void A_device_beyond_the_last_is_never_replaced() =>
        Assert.StartsWith("cuda:1000: ", Assert.Throws<DeviceException>(() => Devices.Open("cuda:1000")).Message,
            StringComparison.Ordinal);

    [Fact]
    public void The_list_begins_with_the_cpu_and_opens()
    {
        var devices = Devices.List();
        Assert.Equal("cpu", devices[0].Name);
        Assert.True(devices[0].MemoryBytes > 0);
        Assert.Contains("thread", devices[0].Description, StringComparison.Ordinal);
        foreach (var device in devices)
        {
            using var backend = Devices.Open(device.Name);
            Assert.Equal(device.Name, backend.Name);
        }
        using var automatic = Devices.Open("auto");
        Assert.Equal(devices.FirstOrDefault(d => d.Name == "cuda:0")?.Name ?? "cpu", automatic.Name);
    }

    [Theory]
    [InlineData(Precision.Tf32)]
    [InlineData(Precision.Fp16)]
    [InlineData(Precision.Bf16)]
    public void A_precision_that_the_device_lacks_is_never_replaced(Precision precision)
    {
        string message = Assert.Throws<DeviceException>(() => Devices.Open("cpu", precision: precision)).Message;
        Assert.Equal($"cpu: {precision} needs tensor cores (CUDA, compute capability 8.0 or later); the CPU computes in Fp32",
            message);
    }

    /// <summary>A second copy of Tcm.Kernels, in a context that notes which assemblies it asks for.</summary>
    [Fact]
    public void The_cpu_does_not_load_ilgpu()
    {
        var context = new Recorder();
        // Without a CUDA driver the same holds for auto.
        string name = NativeLibrary.TryLoad("libcuda.so.1", out _) || OperatingSystem.IsWindows() ? "cpu" : "auto";
        var devices = context.LoadFromAssemblyPath(typeof(Devices).Assembly.Location).GetType(typeof(Devices).FullName!)!;
        Assert.NotSame(typeof(Devices), devices);
        var open = devices.GetMethod(nameof(Devices.Open))!;
        object fp32 = Enum.ToObject(open.GetParameters()[2].ParameterType, 0);
        using (var backend = (IDisposable)open.Invoke(null, [name, 1, fp32])!)
        {
            Assert.Equal("cpu", backend.GetType().GetProperty(nameof(Backend.Name))!.GetValue(backend));
        }
        Assert.NotEmpty(context.Requested);
        Assert.DoesNotContain(context.Requested, n => n.StartsWith("ILGPU", StringComparison.Ordinal));
        // The recorder does see it once a GPU is asked for.
        Assert.Throws<TargetInvocationException>(() => open.Invoke(null, ["cuda:1000", 1, fp32]));
        Assert.Contains("ILGPU", context.Requested);
    }

    private sealed class Recorder() : AssemblyLoadContext("recorder")
    {
        public List<string> Requested { get; } = [];

        protected override Assembly? Load(AssemblyName name)
        {
            Requested.Add(name.Name!);
            return null;
        }
    }
}
