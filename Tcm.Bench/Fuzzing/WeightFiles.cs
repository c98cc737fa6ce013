using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Tcm.Bench.Fuzzing;

/// <summary>Makers of small weight files, sound and unsound.</summary>
internal static class WeightFiles
{
    public static byte[] Safetensors(string header, int dataBytes) => Safetensors(Encoding.UTF8.GetBytes(header), dataBytes);

    public static byte[] Safetensors(byte[] header, int dataBytes)
    {
        var bytes = new byte[8 + header.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, header.Length);
        header.CopyTo(bytes, 8);
        for (int i = 8 + header.Length; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(i * 31);
        }
        return bytes;
    }

    public static byte[] Archive(byte[] pickle, CompressionLevel level = CompressionLevel.NoCompression,
        params (string Key, byte[] Data)[] storages)
    {
        var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (key, data) in storages)
            {
                Add(zip, $"x/data/{key}", data, level);
            }
            Add(zip, "x/data.pkl", pickle, level);
        }
        return bytes.ToArray();
    }

    /// <summary>A bare state dict with one float tensor.</summary>
    public static byte[] Pickle(string name, long offset, int[] sizes, int[] strides, int storage, string key = "0") =>
        new PickleWriter().Op(0x80, 2, (byte)'}').Text(name).Tensor(offset, sizes, strides, storage, key).Op((byte)'s', (byte)'.')
            .ToArray();

    private static void Add(ZipArchive zip, string name, byte[] data, CompressionLevel level)
    {
        using var stream = zip.CreateEntry(name, level).Open();
        stream.Write(data);
    }
}
