using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Tcm.Kernels.Cpu;

/// <summary>
/// Asks for rows before they are needed, where they are so far apart that the hardware does not foresee them. Only a hint, and
/// nothing on Arm64, for whose instruction .NET has no method.
/// </summary>
internal static unsafe class CacheLines
{
    private const int Floats = 16;

    /// <summary>Into the first-level cache: what is read within the next few hundred instructions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fetch(float* row, nint floats)
    {
        for (nint i = 0; Sse.IsSupported && i < floats; i += Floats)
        {
            Sse.Prefetch0(row + i);
        }
    }

    /// <summary>The line of one value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fetch(float* value)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(value);
        }
    }

    /// <summary>Into the second-level cache, for later.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FetchForLater(float* row, nint floats)
    {
        for (nint i = 0; Sse.IsSupported && i < floats; i += Floats)
        {
            Sse.Prefetch1(row + i);
        }
    }
}
