using System.Buffers.Binary;

namespace Tcm.Nn.Checkpoints;

/// <summary>A safetensors file, mapped into memory; only the tensors that are read occupy any. Reading is thread-safe.</summary>
public sealed unsafe class SafetensorsFile : Checkpoint
{
    private const int PrefixBytes = 8;

    private readonly Dictionary<string, long> _offsets = new(StringComparer.Ordinal);
    private readonly IDisposable _owner;
    private readonly byte* _data;
    private bool _disposed;

    /// <param name="path">The file, for messages.</param>
    /// <param name="header">Checked against the length of the data.</param>
    /// <param name="data">The first byte after the header.</param>
    /// <param name="owner">Keeps it where it is until it is disposed.</param>
    private SafetensorsFile(string path, SafetensorsHeader header, byte* data, IDisposable owner)
    {
        Path = path;
        Metadata = header.Metadata;
        Tensors = [.. header.Tensors.Select(t => t.Info)];
        foreach (var (info, begin, _) in header.Tensors)
        {
            _offsets.Add(info.Name, begin);
        }
        _data = data;
        _owner = owner;
    }

    /// <inheritdoc/>
    public override string Path { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Metadata { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>Opens a file and checks its header against its length.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxHeaderBytes">A larger header is refused.</param>
    /// <exception cref="WeightFormatException">The file is missing or damaged.</exception>
    public static SafetensorsFile Open(string path, int maxHeaderBytes = CheckpointFile.DefaultMaxHeaderBytes)
    {
        FileStream? file = null;
        try
        {
            file = File.OpenRead(path);
            Span<byte> prefix = stackalloc byte[PrefixBytes];
            int length = HeaderLength(prefix[..file.ReadAtLeast(prefix, PrefixBytes, throwOnEndOfStream: false)], file.Length, path,
                maxHeaderBytes);
            byte[] json = new byte[length];
            file.ReadExactly(json);
            long start = PrefixBytes + length;
            var header = SafetensorsHeader.Parse(json, file.Length - start, path);
            var mapped = new MappedFile(file);
            return new SafetensorsFile(path, header, mapped.Address + start, mapped);
        }
        catch (Exception e)
        {
            file?.Dispose();
            throw e switch
            {
                FileNotFoundException or DirectoryNotFoundException => new WeightFormatException($"{path}: there is no such file", e),
                IOException or UnauthorizedAccessException => new WeightFormatException($"{path}: cannot be read", e),
                _ => e,
            };
        }
    }

    /// <summary>Opens a file that is in memory, which must stay as it is until the checkpoint is disposed.</summary>
    internal static SafetensorsFile Open(ReadOnlyMemory<byte> file, string name, int maxHeaderBytes)
    {
        int length = HeaderLength(file.Span[..Math.Min(file.Length, PrefixBytes)], file.Length, name, maxHeaderBytes);
        int start = PrefixBytes + length;
        var header = SafetensorsHeader.Parse(file.Slice(PrefixBytes, length).ToArray(), file.Length - start, name);
        var pinned = file.Pin();
        return new SafetensorsFile(name, header, (byte*)pinned.Pointer + start, pinned);
    }

    private static int HeaderLength(ReadOnlySpan<byte> prefix, long fileLength, string path, int maxHeaderBytes)
    {
        if (prefix.Length < PrefixBytes)
        {
            throw new WeightFormatException($"{path}: the file ends inside its header");
        }
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > (ulong)(fileLength - PrefixBytes))
        {
            throw new WeightFormatException($"{path}: a header of {length} bytes does not fit a file of {fileLength}");
        }
        return length <= (ulong)maxHeaderBytes ? (int)length : throw new WeightFormatException(
            $"{path}: a header of {length} bytes is more than the limit of {maxHeaderBytes}");
    }

    /// <inheritdoc/>
    public override void Read(TensorInfo tensor, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, tensor.Length);
        Copy(tensor, 0, destination);
    }

    /// <inheritdoc/>
    public override void ReadRows(TensorInfo tensor, int first, int rows, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, tensor.Shape[0] - first);
        long width = tensor.Shape.Skip(1).Aggregate(1L, (n, d) => n * d);
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, rows * width);
        Copy(tensor, first * width, destination);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _owner.Dispose();
        }
    }

    private void Copy(TensorInfo tensor, long first, Span<float> destination)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!_offsets.TryGetValue(tensor.Name, out long begin) || Find(tensor.Name) != tensor)
        {
            throw new WeightFormatException($"{Path}: no tensor '{tensor.Name}'");
        }
        int size = ElementCodec.Size(tensor.Type);
        const int Chunk = 1 << 20;
        for (int i = 0; i < destination.Length; i += Chunk)
        {
            var part = destination[i..Math.Min(i + Chunk, destination.Length)];
            var bytes = new ReadOnlySpan<byte>(_data + begin + ((first + i) * size), part.Length * size);
            ElementCodec.Decode(tensor.Type, bytes, part);
        }
    }
}
