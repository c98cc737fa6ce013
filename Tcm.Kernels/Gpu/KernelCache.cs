using System.Reflection;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// Launchers by kernel: each kernel is compiled at its first launch and the typed delegate is kept (asking ILGPU again
/// costs 5 us a launch). On CUDA the PTX goes through <see cref="PtxRewriter"/> before the driver sees it. Callers hold the
/// backend's lock.
/// </summary>
internal sealed class KernelCache(Accelerator accelerator, IKernelLoader? loader = null)
{
    // The text is final once the compiled kernel exists; ILGPU has no public hook between the two steps.
    private static readonly FieldInfo PtxText = typeof(PTXCompiledKernel).GetField("<PTXAssembly>k__BackingField",
        BindingFlags.NonPublic | BindingFlags.Instance)!;

    private readonly Dictionary<GpuKernel, Delegate> _launchers = [];

    /// <summary>Kernels compiled so far.</summary>
    public IReadOnlyCollection<GpuKernel> Loaded => _launchers.Keys;

    public Action<AcceleratorStream, KernelConfig, TArgs> Get<TArgs>(GpuKernel<TArgs> kernel) where TArgs : struct
    {
        if (!_launchers.TryGetValue(kernel, out var launcher))
        {
            _launchers[kernel] = launcher = Load(kernel);
        }
        return (Action<AcceleratorStream, KernelConfig, TArgs>)launcher;
    }

    /// <summary>Compiles a kernel to PTX with the text pass applied.</summary>
    public static PTXCompiledKernel CompilePtx(PTXBackend backend, GpuKernel kernel)
    {
        var compiled = (PTXCompiledKernel)backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(kernel.Method),
            kernel.Specialization);
        PtxText.SetValue(compiled, PtxRewriter.Rewrite(compiled.PTXAssembly));
        return compiled;
    }

    private Action<AcceleratorStream, KernelConfig, TArgs> Load<TArgs>(GpuKernel<TArgs> kernel) where TArgs : struct
    {
        if (accelerator is CudaAccelerator cuda)
        {
            return accelerator.LoadKernel(CompilePtx(cuda.Backend, kernel))
                .CreateLauncherDelegate<Action<AcceleratorStream, KernelConfig, TArgs>>();
        }
        return loader?.Load(kernel) ?? accelerator.LoadKernel(kernel.Body);
    }
}

/// <summary>Another way to launch kernels than ILGPU's, for the tests' simulator.</summary>
internal interface IKernelLoader
{
    /// <summary>The kernel's launcher, or null to leave it to ILGPU.</summary>
    Action<AcceleratorStream, KernelConfig, TArgs>? Load<TArgs>(GpuKernel<TArgs> kernel) where TArgs : struct;
}
