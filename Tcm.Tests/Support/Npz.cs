using System.Globalization;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Tcm.Tests.Support;

/// <summary>An array of a NumPy archive: its type ("f4", "i8", "u1", "u2", ...), shape and bytes in C order.</summary>
internal sealed record NpyArray(string Type, int[] Shape, byte[] Bytes)
{
    public ReadOnlySpan<T> As<T>() where T : struct => MemoryMarshal.Cast<byte, T>(Bytes);

    public float[] Floats => Type switch
    {
        "f4" => As<float>().ToArray(),
        "f8" => Array.ConvertAll(As<double>().ToArray(), v => (float)v),
        "i8" => Array.ConvertAll(As<long>().ToArray(), v => (float)v),
        "i4" => Array.ConvertAll(As<int>().ToArray(), v => (float)v),
        "u1" or "b1" => Array.ConvertAll(Bytes, v => (float)v),
        _ => throw new InvalidDataException($"array of type {Type}"),
    };
}

/// <summary>Reader of the golden <c>.npz</c> files.</summary>
internal static partial class Npz
{
    public static Dictionary<string, NpyArray> Read(string path)
    {
        var arrays = new Dictionary<string, NpyArray>();
        using var zip = ZipFile.OpenRead(path);
        foreach (var entry in zip.Entries)
        {
            using var stream = entry.Open();
            using var reader = new BinaryReader(stream);
            byte[] magic = reader.ReadBytes(8);
            int length = magic[6] == 1 ? reader.ReadUInt16() : reader.ReadInt32();
            string header = Encoding.Latin1.GetString(reader.ReadBytes(length));
            if (header.Contains("'fortran_order': True"))
            {
                throw new InvalidDataException($"{entry.Name}: Fortran order");
            }
            string type = TypePattern().Match(header).Groups[1].Value;
            int[] shape = [.. ShapePattern().Match(header).Groups[1].Value
                .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(s => int.Parse(s, CultureInfo.InvariantCulture))];
            var bytes = new MemoryStream();
            stream.CopyTo(bytes);
            arrays[entry.FullName[..^4]] = new NpyArray(type, shape, bytes.ToArray());
        }
        return arrays;
    }

    [GeneratedRegex(@"'descr': '[<|=]?(\w\d+)'")]
    private static partial Regex TypePattern();

    [GeneratedRegex(@"'shape': \(([^)]*)\)")]
    private static partial Regex ShapePattern();
}
