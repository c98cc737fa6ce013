using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tcm.Kernels.Cpu;

/// <summary>Width of the vector instructions that the CPU backend uses.</summary>
public enum SimdLevel
{
    /// <summary>128-bit vectors through the portable API: any x64 or Arm64 processor.</summary>
    Portable,
    /// <summary>256-bit vectors with fused multiply-add (x64).</summary>
    Avx2,
    /// <summary>512-bit vectors (x64).</summary>
    Avx512,
}

/// <summary>What this processor offers. Thread-safe.</summary>
public static class Simd
{
    /// <summary>The widest level that runs in hardware here.</summary>
    public static SimdLevel Best { get; } =
        Avx512F.IsSupported && Vector512.IsHardwareAccelerated ? SimdLevel.Avx512
        : Avx2.IsSupported && Fma.IsSupported ? SimdLevel.Avx2
        : SimdLevel.Portable;

    /// <summary>Whether <paramref name="level"/> runs in hardware here.</summary>
    public static bool IsSupported(SimdLevel level) => level <= Best;
}
