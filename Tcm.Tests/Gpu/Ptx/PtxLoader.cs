using System.Collections.Concurrent;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using Tcm.Kernels;
using Tcm.Kernels.Gpu;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>Runs kernels as the PTX that a GPU would load. Memory is that of ILGPU's CPU accelerator.</summary>
internal sealed class PtxLoader : IKernelLoader
{
    private static readonly ConcurrentDictionary<GpuKernel, PtxProgram> programs = new();
    private readonly Dictionary<string, List<PtxProfile>> _profiles = new(StringComparer.Ordinal);

    /// <summary>What each kernel's launches did.</summary>
    public IReadOnlyDictionary<string, List<PtxProfile>> Profiles => _profiles;

    /// <summary>A device that interprets PTX.</summary>
    public static GpuBackend Open(Precision precision = Precision.Fp32) => Open(new PtxLoader(), precision);

    public static GpuBackend Open(PtxLoader loader, Precision precision = Precision.Fp32)
    {
        var context = Context.Create(b => b.CPU(new CPUDevice(2, 1, 1)).Optimize(OptimizationLevel.O0).EnableAlgorithms());
        return new GpuBackend("ptx", context.GetCPUDevice(0).CreateCPUAccelerator(context), context, precision, loader);
    }

    public static PtxProgram Program(GpuKernel kernel) =>
        programs.GetOrAdd(kernel, k => PtxProgram.Parse(k.Name, PtxTexts.Of(k)));

    /// <inheritdoc/>
    public Action<AcceleratorStream, KernelConfig, TArgs>? Load<TArgs>(GpuKernel<TArgs> kernel) where TArgs : struct
    {
        var program = Program(kernel);
        return (_, config, args) =>
        {
            var arguments = PtxArguments.Of(args);
            var profile = PtxMachine.Run(program, config.GridDim.X, config.GroupDim.X, arguments.Memory, arguments.Bytes);
            if (!_profiles.TryGetValue(kernel.Name, out var launches))
            {
                _profiles[kernel.Name] = launches = [];
            }
            launches.Add(profile);
        };
    }
}
