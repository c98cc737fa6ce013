using System.Collections.Concurrent;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using Tcm.Kernels;
using Tcm.Kernels.Gpu;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>Runs kernels as the PTX that a GPU would load. Memory is that of ILGPU's CPU accelerator.</summary>
/// <param name="edit">Changes texts, to see that a flaw is found; null for none.</param>
internal sealed class PtxLoader(Func<string, string>? edit = null) : IKernelLoader
{
    private static readonly ConcurrentDictionary<GpuKernel, PtxProgram> programs = new();
    private readonly Dictionary<GpuKernel, PtxMachine> _machines = [];

    /// <summary>What each kernel's launches did.</summary>
    public IEnumerable<PtxProfile> Profiles => _machines.Values.Select(m => m.Profile);

    /// <summary>A device that interprets PTX.</summary>
    public static GpuBackend Open(Precision precision = Precision.Fp32) => Open(new PtxLoader(), precision);

    public static GpuBackend Open(PtxLoader loader, Precision precision = Precision.Fp32)
    {
        var context = Context.Create(b => b.CPU(new CPUDevice(2, 1, 1)).Optimize(OptimizationLevel.O0).EnableAlgorithms());
        return new GpuBackend("simulator", context.GetCPUDevice(0).CreateCPUAccelerator(context), context, precision, loader);
    }

    public static PtxProgram Program(GpuKernel kernel) =>
        programs.GetOrAdd(kernel, k => PtxProgram.Parse(k.Name, PtxTexts.Of(k)));

    /// <inheritdoc/>
    public Action<AcceleratorStream, KernelConfig, TArgs>? Load<TArgs>(GpuKernel<TArgs> kernel) where TArgs : struct
    {
        var machine = _machines[kernel] = new PtxMachine(
            edit is null ? Program(kernel) : PtxProgram.Parse(kernel.Name, edit(PtxTexts.Of(kernel))), kernel.GroupSize);
        return (_, config, args) =>
        {
            var arguments = PtxArguments.Of(args);
            machine.Run(config.GridDim.X, arguments.Memory, arguments.Bytes);
        };
    }
}
