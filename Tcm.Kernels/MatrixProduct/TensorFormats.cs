using System.Runtime.InteropServices;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>Four 32-bit words that a kernel moves at once: one chunk of a tensor-core operand, or a thread's fragment.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Word4(uint x, uint y, uint z, uint w)
{
    public uint X = x, Y = y, Z = z, W = w;
}

/// <summary>Rounding to the formats of tensor cores, in C#: for weights packed on the host and for the emulation.</summary>
internal static class TensorFormats
{
    /// <summary>Values along k of a chunk of 16 bytes.</summary>
    public static int ChunkValues(Precision precision) => precision == Precision.Tf32 ? 4 : 8;

    /// <summary>The chunk of up to eight values.</summary>
    public static Word4 Pack(Precision precision, Float4 low, Float4 high) => precision == Precision.Tf32
        ? new(Tf32(low.X), Tf32(low.Y), Tf32(low.Z), Tf32(low.W))
        : new(Pair(precision, low.X, low.Y), Pair(precision, low.Z, low.W), Pair(precision, high.X, high.Y),
            Pair(precision, high.Z, high.W));

    /// <summary>The value of a 32-bit word (TF32) or of one of its halves, 0 or 1.</summary>
    public static float Value(Precision precision, uint word, int half) => precision switch
    {
        Precision.Tf32 => BitConverter.UInt32BitsToSingle(word & 0xFFFFE000), // the units ignore the low 13 bits
        Precision.Fp16 => (float)BitConverter.UInt16BitsToHalf((ushort)(word >> (16 * half))),
        _ => BitConverter.UInt32BitsToSingle(word >> (16 * half) << 16),
    };

    /// <summary>A value rounded to the format.</summary>
    public static float Round(Precision precision, float value) => precision switch
    {
        Precision.Fp32 => value,
        Precision.Tf32 => Value(precision, Tf32(value), 0),
        _ => Value(precision, Pair(precision, value, 0), 0),
    };

    // To nearest, ties away from zero, as cvt.rna.tf32 does.
    private static uint Tf32(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsFinite(value) ? bits + 0x1000 & 0xFFFFE000 : bits;
    }

    private static uint Pair(Precision precision, float low, float high) => precision == Precision.Fp16
        ? BitConverter.HalfToUInt16Bits((Half)low) | (uint)BitConverter.HalfToUInt16Bits((Half)high) << 16
        : Bf16(low) | Bf16(high) << 16;

    // To nearest, ties to even.
    private static uint Bf16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? bits >> 16 | 0x40 : bits + 0x7FFF + (bits >> 16 & 1) >> 16;
    }
}

/// <summary>
/// Which thread of a warp holds which element in <c>mma.sync.m16n8k8</c> (TF32) and <c>mma.sync.m16n8k16</c> (16 bits): PTX
/// ISA, section "Matrix Fragments for mma". In words of 32 bits both are the same: 16 rows of A and 8 columns of B of 32
/// bytes along k, a word of a row's first 16 bytes in registers 0 (and 1), of its last 16 bytes in registers 2 (and 3) of A
/// or 1 of B.
/// </summary>
internal static class MmaFragments
{
    /// <summary>Lane and register of A that hold word <paramref name="word"/> (0..7 along k) of <paramref name="row"/> (0..15).</summary>
    public static (int Lane, int Register) OfA(int row, int word) => (row % 8 * 4 + word % 4, row / 8 + word / 4 * 2);

    /// <summary>Lane and register of B that hold word <paramref name="word"/> (0..7 along k) of <paramref name="column"/> (0..7).</summary>
    public static (int Lane, int Register) OfB(int column, int word) => (column * 4 + word % 4, word / 4);

    /// <summary>Row of accumulator <paramref name="register"/> (0..3) of a lane.</summary>
    public static int RowOfC(int lane, int register) => lane / 4 + register / 2 * 8;

    /// <summary>Column of accumulator <paramref name="register"/> (0..3) of a lane.</summary>
    public static int ColumnOfC(int lane, int register) => lane % 4 * 2 + register % 2;
}
