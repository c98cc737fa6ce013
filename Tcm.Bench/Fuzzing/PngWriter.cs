using System.Buffers.Binary;
using System.Text;

namespace Tcm.Bench.Fuzzing;

/// <summary>PNG files piece by piece, for those that no encoder makes (PNG specification, third edition, section 5).</summary>
internal static class PngWriter
{
    /// <summary>Signature and IHDR.</summary>
    /// <param name="file">Written to.</param>
    /// <param name="width">Declared columns.</param>
    /// <param name="height">Declared rows.</param>
    /// <param name="depth">Bits of a sample.</param>
    /// <param name="colour">0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA.</param>
    /// <param name="interlaced">Adam7.</param>
    public static void Begin(Stream file, int width, int height, byte depth, byte colour, bool interlaced = false)
    {
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9], header[12]) = (depth, colour, (byte)(interlaced ? 1 : 0));
        Chunk(file, "IHDR", header);
    }

    /// <summary>Length, type, data and check sum.</summary>
    public static void Chunk(Stream file, string type, byte[] data)
    {
        byte[] body = [.. Encoding.ASCII.GetBytes(type), .. data];
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc(body));
        file.Write(number);
    }

    private static uint Crc(byte[] data)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in data)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xedb88320 : crc >> 1;
            }
        }
        return ~crc;
    }
}
