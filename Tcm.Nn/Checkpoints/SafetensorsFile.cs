using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;

namespace Tcm.Nn.Checkpoints;

/// <summary>A safetensors file, mapped into memory; only the tensors that are read occupy any.</summary>
public sealed unsafe class SafetensorsFile : Checkpoint
{
    /// <summary>A header beyond this is refused, as in the reference implementation.</summary>
    internal const int MaxHeaderBytes = 100_000_000;

    private readonly Dictionary<string, long> _offsets = new(StringComparer.Ordinal);
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _data;
    private bool _disposed;

    private SafetensorsFile(string path, FileStream file, SafetensorsHeader header, long dataStart)
    {
        Path = path;
        Metadata = header.Metadata;
        Tensors = [.. header.Tensors.Select(t => t.Info)];
        foreach (var (info, begin, _) in header.Tensors)
        {
            _offsets.Add(info.Name, begin);
        }
        _map = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None,
            leaveOpen: false);
        _view = _map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _data);
        _data += _view.PointerOffset + dataStart;
    }

    /// <inheritdoc/>
    public override string Path { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Metadata { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>Opens a file and checks its header against its length.</summary>
    /// <exception cref="WeightFormatException">The file is missing or damaged.</exception>
    public static SafetensorsFile Open(string path)
    {
        FileStream? file = null;
        try
        {
            file = File.OpenRead(path);
            Span<byte> prefix = stackalloc byte[8];
            if (file.Length < 8)
            {
                throw new WeightFormatException($"{path}: the file ends inside its header");
            }
            file.ReadExactly(prefix);
            ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
            if (length > MaxHeaderBytes || (long)length > file.Length - 8)
            {
                throw new WeightFormatException($"{path}: a header of {length} bytes does not fit a file of {file.Length}");
            }
            byte[] json = new byte[length];
            file.ReadExactly(json);
            long start = 8 + (long)length;
            return new SafetensorsFile(path, file, SafetensorsHeader.Parse(json, file.Length - start, path), start);
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
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _view.Dispose();
            _map.Dispose();
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
