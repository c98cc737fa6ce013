using System.Runtime.InteropServices;
using ILGPU;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>Four 32-bit words that a kernel moves at once: one chunk of a tensor-core operand, or a thread's fragment.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Word4(uint x, uint y, uint z, uint w)
{
    public uint X = x, Y = y, Z = z, W = w;
}

/// <summary>Rounding to the formats of tensor cores, in C#: for weights packed on the host.</summary>
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
    public static float Value(Precision precision, uint word, int half)
    {
        uint bits = word >> (16 * half) & 0xFFFF;
        float value;
        if (precision == Precision.Tf32)
        {
            value = Interop.IntAsFloat(word & 0xFFFFE000); // the units ignore the low 13 bits
        }
        else if (precision == Precision.Bf16)
        {
            value = Interop.IntAsFloat(bits << 16);
        }
        else
        {
            uint sign = (bits & 0x8000) << 16, size = bits & 0x7FFF;
            // Subnormals are multiples of 2^-24; exponents differ by 112; the highest one stands for infinity and NaN.
            value = size < 0x400 ? Interop.IntAsFloat(Interop.FloatAsInt(size * 5.9604645e-8f) | sign)
                : Interop.IntAsFloat((size >= 0x7C00 ? 0x7F800000 | size << 13 : (size << 13) + 0x38000000) | sign);
        }
        return value;
    }

    /// <summary>A value rounded to the format.</summary>
    public static float Round(Precision precision, float value) => precision switch
    {
        Precision.Fp32 => value,
        Precision.Tf32 => Value(precision, Tf32(value), 0),
        _ => Value(precision, Pair(precision, value, 0), 0),
    };

    /// <summary>Two values in a word.</summary>
    public static uint Pair(Precision precision, float low, float high) => precision == Precision.Fp16
        ? Fp16(low) | Fp16(high) << 16
        : Bf16(low) | Bf16(high) << 16;

    // To nearest, ties away from zero, as cvt.rna.tf32 does.
    private static uint Tf32(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        return (bits & 0x7F800000) == 0x7F800000 ? bits : bits + 0x1000 & 0xFFFFE000;
    }

    // To nearest, ties to even.
    private static uint Bf16(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        return (bits & 0x7FFFFFFF) > 0x7F800000 ? bits >> 16 | 0x40 : bits + 0x7FFF + (bits >> 16 & 1) >> 16;
    }

    // To nearest, ties to even; above 65520 infinite.
    private static uint Fp16(float value)
    {
        uint bits = Interop.FloatAsInt(value), sign = bits >> 16 & 0x8000, size = bits & 0x7FFFFFFF;
        uint rounded;
        if (size > 0x7F800000)
        {
            rounded = 0x7E00;
        }
        else if (size >= 0x477FF000)
        {
            rounded = 0x7C00;
        }
        else if (size < 0x38800000)
        {
            // Below 2^-14: the steps of floats at 0.5 are those of subnormals, so that adding it rounds.
            rounded = Interop.FloatAsInt(Interop.IntAsFloat(size) + 0.5f) - 0x3F000000;
        }
        else
        {
            rounded = size - 0x38000000 + 0xFFF + (size >> 13 & 1) >> 13;
        }
        return rounded | sign;
    }
}
