using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime.Cuda;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.HalfImages;

/// <summary>Eight halves in a chunk of 16 bytes, the unit in which kernels move half-precision images.</summary>
internal static class Half8
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Low(Word4 chunk) => new(Lower(chunk.X), Upper(chunk.X), Lower(chunk.Y), Upper(chunk.Y));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 High(Word4 chunk) => new(Lower(chunk.Z), Upper(chunk.Z), Lower(chunk.W), Upper(chunk.W));

    /// <summary>To nearest, ties to even; above 65519 infinite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Word4 Pack(Float4 low, Float4 high) =>
        new(Pair(low.X, low.Y), Pair(low.Z, low.W), Pair(high.X, high.Y), Pair(high.Z, high.W));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Lower(uint word) => Interop.IntAsFloat((ushort)(word & 0xFFFF));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Upper(uint word) => Interop.IntAsFloat((ushort)(word >> 16));

    // ILGPU's own conversion cuts bits off where it is not compiled to PTX.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Pair(float low, float high)
    {
        uint pair;
        if (CudaAsm.IsSupported)
        {
            CudaAsm.Emit("cvt.rn.f16x2.f32 %0, %1, %2;", out pair, high, low);
        }
        else
        {
            pair = TensorFormats.Pair(Precision.Fp16, low, high);
        }
        return pair;
    }
}
