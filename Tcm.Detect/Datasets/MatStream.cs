using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>Reads the elements of a MATLAB file one after the other: a tag of type and length, then the data.</summary>
internal sealed class MatStream(string path, Stream stream) : IDisposable
{
    /// <summary>Element type of a compressed array.</summary>
    public const int Compressed = 15;

    /// <summary>Element type of an array.</summary>
    public const int Matrix = 14;

    private const int CellClass = 1, CharClass = 4, DoubleClass = 6, LastNumericClass = 15, Complex = 0x800;
    private const int MaxDataBytes = 1 << 26, MaxCells = 1 << 20, MaxDepth = 4, FirstBytes = 1 << 16;

    private int _flags;

    /// <summary>Size of the array whose name was read last.</summary>
    public int[] Dimensions { get; private set; } = [];

    /// <summary>Number of its members.</summary>
    public long Length => Dimensions.Aggregate(1L, (product, d) => Math.Min(product * d, int.MaxValue));

    /// <summary>Whether it is a cell array.</summary>
    public bool IsCellArray => (_flags & 0xff) == CellClass;

    /// <summary>Reads the tag of an array; false at the end.</summary>
    public bool TryReadTag(out (int Type, long Bytes) tag)
    {
        Span<byte> bytes = stackalloc byte[8];
        int read = Read(bytes);
        tag = (BinaryPrimitives.ReadInt32LittleEndian(bytes), BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]));
        return read == bytes.Length || (read == 0 ? false : throw Damaged("it ends within a tag"));
    }

    /// <summary>Reads what comes before the values of an array: kind and size, which stay here, and the name.</summary>
    public string ReadName()
    {
        byte[] flags = ReadElement().Data;
        byte[] dimensions = ReadElement().Data;
        if (flags.Length != 8 || dimensions.Length < 8 || dimensions.Length % 4 != 0)
        {
            throw Damaged("an array without flags and size");
        }
        _flags = BinaryPrimitives.ReadInt32LittleEndian(flags);
        Dimensions = MemoryMarshal.Cast<byte, int>(dimensions).ToArray();
        return Dimensions.Any(d => d < 0) ? throw Damaged("an array of negative size") : Encoding.Latin1.GetString(ReadElement().Data);
    }

    /// <summary>Reads an array with its tag.</summary>
    public MatValue ReadMatrix(int depth)
    {
        if (!TryReadTag(out var tag) || tag.Type != Matrix)
        {
            throw Damaged("an array was expected");
        }
        if (tag.Bytes == 0)
        {
            return new MatValue([0, 0], Numbers: []);
        }
        ReadName();
        return ReadBody(depth);
    }

    /// <summary>Reads the values behind a name.</summary>
    public MatValue ReadBody(int depth)
    {
        var (dimensions, length) = (Dimensions, Length);
        int kind = _flags & 0xff;
        if (kind == CellClass && depth < MaxDepth)
        {
            // Cells without content cost a packed file next to nothing.
            if (length > MaxCells)
            {
                throw Damaged($"an array of {length} cells");
            }
            var cells = new List<MatValue>();
            for (long i = 0; i < length; i++)
            {
                cells.Add(ReadMatrix(depth + 1));
            }
            return new MatValue(dimensions, Cells: cells);
        }
        if (kind is not (CharClass or (>= DoubleClass and <= LastNumericClass)))
        {
            throw new TcmException($"{path}: arrays of the MATLAB class {kind} are not read here, only numbers, characters and cells");
        }
        bool complex = (_flags & Complex) != 0;
        var (type, data) = ReadElement();
        if (kind == CharClass)
        {
            string text = Characters(type, data);
            return text.Length == length ? new MatValue(dimensions, Text: text)
                : throw Damaged($"an array of {length} characters that has {text.Length}");
        }
        double[] numbers = Numbers(type, data);
        if (complex)
        {
            ReadElement();
        }
        return numbers.Length == length ? new MatValue(dimensions, numbers)
            : throw Damaged($"an array of {length} numbers that has {numbers.Length}");
    }

    /// <summary>That many bytes. A damaged length takes no more memory than twice what the file holds.</summary>
    public byte[] ReadBytes(int count)
    {
        byte[] bytes = new byte[Math.Min(count, FirstBytes)];
        for (int read = 0; ;)
        {
            read += Read(bytes.AsSpan(read));
            if (read < bytes.Length)
            {
                throw Damaged("it ends early");
            }
            if (read == count)
            {
                return bytes;
            }
            Array.Resize(ref bytes, (int)Math.Min(count, 2L * read));
        }
    }

    /// <summary>The error of bytes that make no sense.</summary>
    public TcmException Damaged(string reason) => new($"{path}: the MATLAB file is damaged: {reason}");

    /// <inheritdoc/>
    public void Dispose() => stream.Dispose();

    /// <summary>Reads data with its tag, which for up to four bytes are packed into one.</summary>
    private (int Type, byte[] Data) ReadElement()
    {
        if (!TryReadTag(out var tag))
        {
            throw Damaged("it ends early");
        }
        int packed = tag.Type >>> 16;
        if (packed > 4 || tag.Bytes > MaxDataBytes && packed == 0)
        {
            throw Damaged($"an element of {(packed > 0 ? packed : tag.Bytes)} bytes");
        }
        if (packed > 0)
        {
            byte[] small = new byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(small, (uint)tag.Bytes);
            return (tag.Type & 0xffff, small[..packed]);
        }
        byte[] data = ReadBytes((int)tag.Bytes);
        ReadBytes(-data.Length & 7);
        return (tag.Type, data);
    }

    private int Read(Span<byte> bytes)
    {
        try
        {
            return stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            // Some damages of packed data make the unpacker fail with an error of its own, which is an IOException.
            throw Damaged(e.Message.ReplaceLineEndings(" "));
        }
    }

    private string Characters(int type, byte[] data) => type switch
    {
        1 or 2 => Encoding.Latin1.GetString(data),
        4 or 17 => Encoding.Unicode.GetString(data),
        16 => Encoding.UTF8.GetString(data),
        _ => data.Length == 0 ? "" : throw Damaged($"characters of type {type}"),
    };

    private double[] Numbers(int type, byte[] data) => type switch
    {
        1 => Convert<sbyte>(data, v => v),
        2 => Convert<byte>(data, v => v),
        3 => Convert<short>(data, v => v),
        4 => Convert<ushort>(data, v => v),
        5 => Convert<int>(data, v => v),
        6 => Convert<uint>(data, v => v),
        7 => Convert<float>(data, v => v),
        9 => Convert<double>(data, v => v),
        12 => Convert<long>(data, v => v),
        13 => Convert<ulong>(data, v => v),
        _ => data.Length == 0 ? [] : throw Damaged($"numbers of type {type}"),
    };

    private static double[] Convert<T>(byte[] data, Converter<T, double> convert) where T : struct =>
        Array.ConvertAll(MemoryMarshal.Cast<byte, T>(data).ToArray(), convert);
}
