using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Tcm.Nn.Checkpoints;

/// <summary>
/// Writes safetensors files tensor by tensor; a file appears under its name only when it is complete. Thread-safe.
/// </summary>
public static class SafetensorsWriter
{
    private const int Alignment = 64;

    /// <summary>Writes a file.</summary>
    /// <param name="path">Where; an existing file is replaced at the end.</param>
    /// <param name="metadata">Text pairs.</param>
    /// <param name="tensors">Names, shapes and types, which are single or half precision.</param>
    /// <param name="read">Fills the values of one tensor; called once for each, in order.</param>
    /// <returns>Bytes of the file.</returns>
    /// <exception cref="WeightFormatException">The file cannot be written.</exception>
    public static long Write(string path, IReadOnlyDictionary<string, string> metadata, IReadOnlyList<TensorInfo> tensors,
        TensorReader read)
    {
        byte[] header = Header(metadata, tensors);
        CompleteFile.Write(path, stream =>
        {
            Span<byte> prefix = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(prefix, header.Length);
            stream.Write(prefix);
            stream.Write(header);
            foreach (var tensor in tensors)
            {
                WriteValues(stream, tensor, read);
            }
        });
        return 8 + header.Length + tensors.Sum(tensor => tensor.Length * ElementCodec.Size(tensor.Type));
    }

    private static void WriteValues(FileStream stream, TensorInfo tensor, TensorReader read)
    {
        var values = new float[tensor.Length];
        read(tensor, values);
        if (tensor.Type == ElementType.Float32 && BitConverter.IsLittleEndian)
        {
            stream.Write(MemoryMarshal.AsBytes<float>(values));
            return;
        }
        int size = ElementCodec.Size(tensor.Type);
        var bytes = new byte[checked(values.Length * size)];
        for (int i = 0; i < values.Length; i++)
        {
            var place = bytes.AsSpan(i * size);
            if (tensor.Type == ElementType.Float32)
            {
                BinaryPrimitives.WriteSingleLittleEndian(place, values[i]);
            }
            else
            {
                BinaryPrimitives.WriteHalfLittleEndian(place, (Half)values[i]);
            }
        }
        stream.Write(bytes);
    }

    private static byte[] Header(IReadOnlyDictionary<string, string> metadata, IReadOnlyList<TensorInfo> tensors)
    {
        var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata)
                {
                    json.WriteString(key, value);
                }
                json.WriteEndObject();
            }
            long position = 0;
            foreach (var tensor in tensors)
            {
                WriteEntry(json, tensor, ref position);
            }
            json.WriteEndObject();
        }
        while ((buffer.Length + 8) % Alignment != 0)
        {
            buffer.WriteByte((byte)' ');
        }
        return buffer.ToArray();
    }

    private static void WriteEntry(Utf8JsonWriter json, TensorInfo tensor, ref long position)
    {
        json.WriteStartObject(tensor.Name);
        json.WriteString("dtype", tensor.Type switch
        {
            ElementType.Float32 => "F32",
            ElementType.Float16 => "F16",
            _ => throw new ArgumentException($"tensor '{tensor.Name}': {tensor.Type} is not written"),
        });
        json.WriteStartArray("shape");
        foreach (int d in tensor.Shape)
        {
            json.WriteNumberValue(d);
        }
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(position);
        position = checked(position + (tensor.Length * ElementCodec.Size(tensor.Type)));
        json.WriteNumberValue(position);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}

/// <summary>Fills a tensor's values in C order.</summary>
public delegate void TensorReader(TensorInfo tensor, Span<float> destination);
