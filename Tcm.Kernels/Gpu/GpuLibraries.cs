using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// Where the drivers are. ILGPU asks for <c>cuda</c> and <c>OpenCL</c>, names that exist on Linux only where development
/// packages are installed; the resolver maps them to the files that drivers install. Registered before the first Context.
/// </summary>
internal static class GpuLibraries
{
    private static readonly Lazy<bool> Registration = new(Register);

    public static string CudaFile { get; } = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";

    public static string OpenClFile { get; } =
        OperatingSystem.IsWindows() ? "OpenCL.dll"
        : OperatingSystem.IsMacOS() ? "/System/Library/Frameworks/OpenCL.framework/OpenCL"
        : "libOpenCL.so.1";

    /// <summary>Whether the CUDA driver is installed. Does not load ILGPU.</summary>
    public static bool HasCuda => CanLoad(CudaFile);

    /// <summary>Whether an OpenCL loader is installed. Does not load ILGPU.</summary>
    public static bool HasOpenCl => CanLoad(OpenClFile);

    /// <summary>Makes ILGPU find the drivers; harmless when repeated.</summary>
    public static void EnsureRegistered() => _ = Registration.Value;

    private static bool Register()
    {
        NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, Resolve);
        return true;
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) => name switch
    {
        "cuda" or "nvcuda" when NativeLibrary.TryLoad(CudaFile, out nint handle) => handle,
        "OpenCL" when NativeLibrary.TryLoad(OpenClFile, out nint handle) => handle,
        _ => 0, // the runtime's own search
    };

    private static bool CanLoad(string file)
    {
        bool found = NativeLibrary.TryLoad(file, out nint handle);
        if (found)
        {
            NativeLibrary.Free(handle);
        }
        return found;
    }
}
