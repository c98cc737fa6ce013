using System.Collections.Concurrent;
using ILGPU;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using Tcm.Kernels.Gpu;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>
/// The PTX of kernels, compiled without a driver as <see cref="KernelCache"/> does on a GPU; each once, for all tests. One context
/// for all takes a third of the time of a context each. A failed compile poisons its context: all later ones fail too.
/// </summary>
internal static class PtxTexts
{
    private static readonly ConcurrentDictionary<(GpuKernel, int), string> texts = new();
    private static readonly ConcurrentDictionary<int, PTXBackend> backends = new();

    public static string Of(GpuKernel kernel, int architecture = 90)
    {
        if (texts.TryGetValue((kernel, architecture), out string? known))
        {
            return known;
        }
        var backend = backends.GetOrAdd(architecture, NewBackend);
        lock (backend)
        {
            return texts.GetOrAdd((kernel, architecture), _ => Compile(backend, kernel));
        }
    }

    public static string Compile(PTXBackend backend, GpuKernel kernel)
    {
        try
        {
            return KernelCache.CompilePtx(backend, kernel).PTXAssembly;
        }
        catch (InternalCompilerException e)
        {
            throw new InvalidOperationException($"{kernel} does not compile: {e.InnerException?.Message ?? e.Message}", e);
        }
    }

    // PTX ISA 7.8 is the first for sm_90, and what ptxas 11.8 reads.
    public static PTXBackend NewBackend(int architecture)
    {
        var context = Context.Create(b => b.CPU().Optimize(OptimizationLevel.O2).EnableAlgorithms());
        var cuda = new CudaArchitecture(architecture / 10, architecture % 10);
        return new PTXBackend(context, new CudaCapabilityContext(cuda), cuda, new CudaInstructionSet(7, 8), null);
    }
}
