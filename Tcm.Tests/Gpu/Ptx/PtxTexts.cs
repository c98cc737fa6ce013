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
    private static readonly ConcurrentDictionary<GpuKernel, string> texts = new();
    private static readonly Lazy<PTXBackend> backend = new(() => NewBackend(90));
    private static readonly Lock compiling = new();

    /// <summary>The text for sm_90.</summary>
    public static string Of(GpuKernel kernel)
    {
        if (texts.TryGetValue(kernel, out string? known))
        {
            return known;
        }
        lock (compiling)
        {
            return texts.GetOrAdd(kernel, k => Compile(backend.Value, k));
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
