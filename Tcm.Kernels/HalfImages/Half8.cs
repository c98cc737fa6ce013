using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime.Cuda;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.HalfImages;

/// <summary>Eight halves in a chunk of 16 bytes, the unit in which kernels move images and tokens in half precision.</summary>
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

    /// <summary>The first values of a chunk, zeros from value <paramref name="left"/> (1 or more) on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RawChunk First(int left, Float4 low, Float4 high)
    {
        var chunk = new RawChunk { Low = low, High = high };
        if (left < 8)
        {
            chunk.Low = new Float4(low.X, left > 1 ? low.Y : 0, left > 2 ? low.Z : 0, left > 3 ? low.W : 0);
            chunk.High = new Float4(left > 4 ? high.X : 0, left > 5 ? high.Y : 0, left > 6 ? high.Z : 0, 0);
        }
        return chunk;
    }

    /// <summary>The scalar product of two chunks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot(Word4 a, Word4 b)
    {
        Float4 x = Low(a), y = Low(b), u = High(a), v = High(b);
        return x.X * y.X + x.Y * y.Y + x.Z * y.Z + x.W * y.W + u.X * v.X + u.Y * v.Y + u.Z * v.Z + u.W * v.W;
    }

    /// <summary>One half of a word, 0 or 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Value(uint word, int half) => Lower(word >> (16 * half));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Lower(uint word) => Interop.IntAsFloat((ushort)(word & 0xFFFF));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Upper(uint word) => Interop.IntAsFloat((ushort)(word >> 16));

    /// <summary>Two values, rounded.</summary>
    // ILGPU's own conversion cuts bits off where it is not compiled to PTX.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Pair(float low, float high)
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
