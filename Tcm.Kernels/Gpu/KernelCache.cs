using System.Globalization;
using System.Reflection;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// Launchers by kernel: each kernel is compiled at its first launch and the typed delegate is kept (asking ILGPU again
/// costs 5 us a launch). On CUDA the PTX goes through <see cref="PtxRewriter"/> before the driver sees it, and is kept on disk for
/// the next process (<see cref="KernelFiles"/>). Callers hold the backend's lock.
/// </summary>
/// <param name="accelerator">The device.</param>
/// <param name="files">Where texts are kept; null for nowhere.</param>
/// <param name="loader">Launches kernels on the simulator; null for ILGPU.</param>
internal sealed class KernelCache(Accelerator accelerator, KernelFiles? files = null, IKernelLoader? loader = null)
{
    // The text is final once the compiled kernel exists; ILGPU has no public hook between the two steps.
    private static readonly FieldInfo PtxText = typeof(PTXCompiledKernel).GetField("<PTXAssembly>k__BackingField",
        BindingFlags.NonPublic | BindingFlags.Instance)!;

    private static readonly PropertyInfo EntryPointOf = typeof(CompiledKernel).GetProperty("EntryPoint",
        BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.Instance)!;
    private static readonly ConstructorInfo? NewCompiled = typeof(PTXCompiledKernel).GetConstructor(
        BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.Instance,
        [typeof(Context), typeof(EntryPoint), typeof(CompiledKernel.KernelInfo), typeof(string)]);

    // Both assemblies: ours has the kernels and the rewriter, ILGPU's the compiler. A build gives each a new identity.
    private static readonly string Compiler = $"{typeof(KernelCache).Module.ModuleVersionId:N} "
        + $"{typeof(Context).Module.ModuleVersionId:N} {typeof(ILGPU.Algorithms.XMath).Module.ModuleVersionId:N}";

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

    /// <summary>Everything that a kernel's final text depends on, in one line.</summary>
    internal static string Key(PTXBackend backend, GpuKernel kernel) =>
        $"1 {Compiler} {backend.Architecture} {backend.InstructionSet} {backend.Context.Properties.OptimizationLevel} "
        + $"{backend.Context.Properties.MathMode} {kernel.GroupSize} {kernel.MinGroups} {kernel.Name} {kernel.Method}";

    /// <summary>The same kernel from the folder where it is in it; else compiled and put there.</summary>
    public static PTXCompiledKernel CompilePtx(PTXBackend backend, GpuKernel kernel, KernelFiles? files)
    {
        if (files is null || NewCompiled is null)
        {
            return CompilePtx(backend, kernel);
        }
        string key = Key(backend, kernel);
        if (files.Read(key) is { } kept && FromText(backend, kernel, kept) is { } ready)
        {
            return ready;
        }
        var compiled = CompilePtx(backend, kernel);
        var shared = ((EntryPoint)EntryPointOf.GetValue(compiled)!).SharedMemory;
        files.Write(key, string.Create(CultureInfo.InvariantCulture,
            $"{shared.StaticSize} {(shared.HasDynamicMemory ? 1 : 0)}\n{compiled.PTXAssembly}"));
        return compiled;
    }

    /// <summary>What ILGPU makes of a kernel beside its text comes from the method's signature.</summary>
    private static PTXCompiledKernel? FromText(PTXBackend backend, GpuKernel kernel, string kept)
    {
        int end = kept.IndexOf('\n', StringComparison.Ordinal);
        if (end < 0 || kept[..end].Split(' ') is not [var size, "0" or "1"]
            || !int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out int bytes))
        {
            return null;
        }
        var entry = new EntryPoint(EntryPointDescription.FromExplicitlyGroupedKernel(kernel.Method),
            new SharedMemorySpecification(bytes, kept[end - 1] == '1'), kernel.Specialization);
        return (PTXCompiledKernel)NewCompiled!.Invoke([backend.Context, entry, null, kept[(end + 1)..]]);
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
        if (accelerator is not CudaAccelerator cuda)
        {
            return loader?.Load(kernel) ?? accelerator.LoadKernel(kernel.Body);
        }
        try
        {
            return Launcher(CompilePtx(cuda.Backend, kernel, files));
        }
        catch (Exception) when (files?.Hits > 0)
        {
            // What the file says may be why. A flaw of the kernel, or of the device, shows again.
            KeptTextsRefused++;
            return Launcher(CompilePtx(cuda.Backend, kernel));
        }

        Action<AcceleratorStream, KernelConfig, TArgs> Launcher(PTXCompiledKernel compiled) =>
            accelerator.LoadKernel(compiled).CreateLauncherDelegate<Action<AcceleratorStream, KernelConfig, TArgs>>();
    }

    /// <summary>Kernels whose text from the folder could not be loaded, and which were compiled again.</summary>
    public int KeptTextsRefused { get; private set; }
}

/// <summary>Another way to launch kernels than ILGPU's, for the tests' simulator.</summary>
internal interface IKernelLoader
{
    /// <summary>The kernel's launcher, or null to leave it to ILGPU.</summary>
    Action<AcceleratorStream, KernelConfig, TArgs>? Load<TArgs>(GpuKernel<TArgs> kernel) where TArgs : struct;
}
