using System.Buffers.Binary;
using System.Text;

namespace Tcm.Nn.Onnx;

/// <summary>
/// Protocol-buffer messages (the encoding of ONNX files): fields are written one after the other, a message inside a message
/// with its length before it.
/// </summary>
internal sealed class ProtoWriter
{
    private readonly MemoryStream _bytes = new();

    /// <summary>Bytes so far.</summary>
    public long Length => _bytes.Length;

    public ProtoWriter Integer(int field, long value)
    {
        Tag(field, 0);
        Varint((ulong)value);
        return this;
    }

    public ProtoWriter Float(int field, float value)
    {
        Tag(field, 5);
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        _bytes.Write(bytes);
        return this;
    }

    public ProtoWriter Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    public ProtoWriter Bytes(int field, ReadOnlySpan<byte> value)
    {
        Announce(field, value.Length);
        _bytes.Write(value);
        return this;
    }

    public ProtoWriter Message(int field, ProtoWriter message)
    {
        Announce(field, message.Length);
        message.CopyTo(_bytes);
        return this;
    }

    /// <summary>Begins a field of <paramref name="length"/> bytes that the caller writes behind this writer's own.</summary>
    public ProtoWriter Announce(int field, long length)
    {
        Tag(field, 2);
        Varint((ulong)length);
        return this;
    }

    /// <summary>Adds another writer's fields to this message.</summary>
    public ProtoWriter Append(ProtoWriter fields)
    {
        fields.CopyTo(_bytes);
        return this;
    }

    public void CopyTo(Stream target) => _bytes.WriteTo(target);

    private void Tag(int field, int wireType) => Varint((ulong)((field << 3) | wireType));

    private void Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            _bytes.WriteByte((byte)(value | 0x80));
        }
        _bytes.WriteByte((byte)value);
    }
}
