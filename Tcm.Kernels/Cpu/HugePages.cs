using System.Runtime.InteropServices;

namespace Tcm.Kernels.Cpu;

/// <summary>
/// Asks Linux for pages of 2 MiB under a large block: rows that lie a plane apart then need one entry of the address cache
/// (TLB) for dozens of them, and a first touch clears 2 MiB at once. Only a wish: a system that refuses works as before.
/// </summary>
internal static unsafe partial class HugePages
{
    /// <summary>Where a block that wants huge pages has to start.</summary>
    public const int Size = 2 << 20;

    private const int AdviseHugePage = 14;

    /// <param name="block">Starts at a multiple of <see cref="Size"/>.</param>
    /// <param name="bytes">Length; a part of a page at its end keeps small pages.</param>
    public static void Advise(void* block, long bytes)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }
        try
        {
            _ = Advise(block, (nuint)(bytes & ~(Size - 1L)), AdviseHugePage);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // A C library of another name: small pages.
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* block, nuint bytes, int advice);
}
