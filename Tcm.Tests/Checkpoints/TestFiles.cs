using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Tcm.Tests.Checkpoints;

/// <summary>A folder that goes away with the test, and makers of small weight files, sound and unsound.</summary>
internal sealed class TestFiles : IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("tcm-test-").FullName;

    public string Write(string name, byte[] content)
    {
        string path = Path.Combine(Folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

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

/// <summary>Assembles pickles operation by operation.</summary>
internal sealed class PickleWriter
{
    private readonly List<byte> _bytes = [];

    public PickleWriter Op(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public PickleWriter Global(string module, string name)
    {
        _bytes.AddRange(Encoding.UTF8.GetBytes($"c{module}\n{name}\n"));
        return this;
    }

    public PickleWriter Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        return Op((byte)'X').Op(BitConverter.GetBytes(utf8.Length)).Op(utf8);
    }

    public PickleWriter Int(int value) => Op((byte)'J').Op(BitConverter.GetBytes(value));

    public PickleWriter Ints(int[] values)
    {
        Op((byte)'(');
        foreach (int v in values)
        {
            Int(v);
        }
        return Op((byte)'t');
    }

    public PickleWriter Tensor(long offset, int[] sizes, int[] strides, int storage, string key = "0") =>
        Global("torch._utils", "_rebuild_tensor_v2").Op((byte)'(').Op((byte)'(').Text("storage").Global("torch", "FloatStorage")
            .Text(key).Text("cpu").Int(storage).Op((byte)'t', (byte)'Q').Op(0x8a, 8).Op(BitConverter.GetBytes(offset))
            .Ints(sizes).Ints(strides).Op(0x89).Global("collections", "OrderedDict").Op((byte)')', (byte)'R', (byte)'t', (byte)'R');

    public byte[] ToArray() => [.. _bytes];
}
