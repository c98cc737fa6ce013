using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Tcm.Cli.Commands;

namespace Tcm.Cli.Output;

/// <summary>Writes traced stages as a safetensors file of float32 tensors.</summary>
internal static class StageFile
{
    /// <summary>Writes all stages; the file appears only when it is complete.</summary>
    /// <exception cref="OutputException">It cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<Stage> stages)
    {
        using var file = new AtomicFile(path);
        try
        {
            byte[] header = Header(stages);
            var length = new byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
            file.Stream.Write(length);
            file.Stream.Write(header);
            foreach (var stage in stages)
            {
                WriteFloats(file.Stream, stage.Values);
            }
        }
        catch (IOException e)
        {
            throw new OutputException($"{path}: cannot be written: the disk is full", e);
        }
        file.Commit();
    }

    private static byte[] Header(IReadOnlyList<Stage> stages)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            long offset = 0;
            json.WriteStartObject();
            foreach (var stage in stages)
            {
                json.WriteStartObject(stage.Name);
                json.WriteString("dtype", "F32");
                json.WriteStartArray("shape");
                foreach (int side in stage.Shape)
                {
                    json.WriteNumberValue(side);
                }
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += stage.Values.LongLength * sizeof(float));
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        // The data begins at a multiple of 8 bytes, as the format asks for.
        while (buffer.Length % 8 != 0)
        {
            buffer.WriteByte((byte)' ');
        }
        return buffer.ToArray();
    }

    private static void WriteFloats(Stream stream, float[] values)
    {
        // In pieces: one span of bytes holds at most 2 GB.
        const int Piece = 1 << 20;
        for (int at = 0; at < values.Length; at += Piece)
        {
            stream.Write(MemoryMarshal.AsBytes(values.AsSpan(at, Math.Min(Piece, values.Length - at))));
        }
    }
}
