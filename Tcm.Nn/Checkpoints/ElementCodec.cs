using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Tcm.Nn.Checkpoints;

/// <summary>Widths of stored elements and their conversion to float; files are little-endian.</summary>
internal static class ElementCodec
{
    /// <summary>Bytes of one element.</summary>
    public static int Size(ElementType type) => type switch
    {
        ElementType.Float64 or ElementType.Int64 => 8,
        ElementType.Float32 or ElementType.Int32 => 4,
        ElementType.Float16 or ElementType.BFloat16 or ElementType.Int16 => 2,
        _ => 1,
    };

    /// <summary>Converts exactly <paramref name="destination"/>'s length of elements.</summary>
    public static void Decode(ElementType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        if (type == ElementType.Float32 && BitConverter.IsLittleEndian)
        {
            MemoryMarshal.Cast<byte, float>(source)[..destination.Length].CopyTo(destination);
            return;
        }
        int size = Size(type);
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] = DecodeOne(type, source.Slice(i * size, size));
        }
    }

    /// <summary>Converts the element at the start of a span.</summary>
    public static float DecodeOne(ElementType type, ReadOnlySpan<byte> s) => type switch
    {
        ElementType.Float32 => BinaryPrimitives.ReadSingleLittleEndian(s),
        ElementType.Float16 => (float)BinaryPrimitives.ReadHalfLittleEndian(s),
        ElementType.BFloat16 => BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(s) << 16),
        ElementType.Float64 => (float)BinaryPrimitives.ReadDoubleLittleEndian(s),
        ElementType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(s),
        ElementType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(s),
        ElementType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(s),
        ElementType.Int8 => (sbyte)s[0],
        ElementType.UInt8 => s[0],
        _ => s[0] == 0 ? 0 : 1,
    };

    /// <summary>The number of elements of a shape, or null where a dimension is negative or the number above any file's.</summary>
    public static long? Count(ReadOnlySpan<long> shape)
    {
        const long Most = 1L << 40;
        long count = 1;
        foreach (long d in shape)
        {
            if (d < 0 || d > int.MaxValue)
            {
                return null;
            }
            count = d == 0 || count <= Most / d ? count * d : Most + 1;
            if (count > Most)
            {
                return null;
            }
        }
        return count;
    }
}
