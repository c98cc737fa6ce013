using System.IO.Compression;

namespace Tcm.Nn.Checkpoints;

/// <summary>
/// A ZIP archive written by <c>torch.save</c> (a state dict, bare or inside a training checkpoint) or by
/// <c>torch.jit.save</c> (the attributes of its modules). Only names and tensors are taken from it; it is never executed.
/// Thread-safe but for its disposal.
/// </summary>
public sealed class PyTorchArchive : Checkpoint
{
    private const int MaxDepth = 64;

    private readonly Lock _lock = new();
    private readonly ZipArchive _zip;
    private readonly Dictionary<string, ZipArchiveEntry> _entries = new(StringComparer.Ordinal);
    private readonly List<TensorInfo> _tensors = [];
    private readonly Dictionary<string, PickleTensor> _views = new(StringComparer.Ordinal);
    private readonly string _prefix;
    private readonly int _maxPickleBytes;
    private readonly long _fileBytes;
    private int _visits;

    private PyTorchArchive(string path, ZipArchive zip, int maxPickleBytes, long fileBytes)
    {
        _fileBytes = fileBytes;
        Path = path;
        _maxPickleBytes = maxPickleBytes;
        _zip = zip;
        foreach (var entry in zip.Entries)
        {
            if (!_entries.TryAdd(entry.FullName, entry))
            {
                throw Bad($"the archive has two entries of one name, '{entry.FullName}'");
            }
        }
        var pickles = _entries.Keys.Where(n => n == "data.pkl" || n.EndsWith("/data.pkl", StringComparison.Ordinal)).ToList();
        if (pickles.Count != 1)
        {
            throw Bad(pickles.Count == 0 ? "a ZIP archive, but not one of PyTorch: it has no data.pkl"
                : "the archive has more than one data.pkl");
        }
        _prefix = pickles[0][..^"data.pkl".Length];
        byte[] pickle = ReadPickle(_entries[pickles[0]]);
        _visits = pickle.Length;
        Collect(PickleReader.Read(pickle, path));
        if (_tensors.Count == 0)
        {
            throw Bad("the archive holds no named tensors");
        }
    }

    /// <inheritdoc/>
    public override string Path { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public override IReadOnlyList<TensorInfo> Tensors => _tensors;

    /// <summary>Opens an archive and reads its table of tensors, not the tensors themselves.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxPickleBytes">A larger table is refused.</param>
    /// <exception cref="WeightFormatException">The file is missing, damaged, or no such archive.</exception>
    public static PyTorchArchive Open(string path, int maxPickleBytes = CheckpointFile.DefaultMaxHeaderBytes)
    {
        try
        {
            return Open(File.OpenRead(path), path, maxPickleBytes);
        }
        catch (Exception e) when (Translate(path, e) is { } translated)
        {
            throw translated;
        }
    }

    /// <summary>Opens an archive in a stream that can seek, and disposes it in the end.</summary>
    internal static PyTorchArchive Open(Stream stream, string name, int maxPickleBytes)
    {
        ZipArchive? zip = null;
        try
        {
            zip = new ZipArchive(stream, ZipArchiveMode.Read);
            return new PyTorchArchive(name, zip, maxPickleBytes, stream.Length);
        }
        catch (Exception e)
        {
            zip?.Dispose();
            stream.Dispose();
            throw Translate(name, e) ?? e;
        }
    }

    /// <inheritdoc/>
    public override void Read(TensorInfo tensor, Span<float> destination)
    {
        var view = View(tensor);
        ReadView(tensor, view, view.Offset, view.Sizes, destination);
    }

    /// <inheritdoc/>
    public override void ReadRows(TensorInfo tensor, int first, int rows, Span<float> destination)
    {
        var view = View(tensor);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, tensor.Shape[0] - first);
        long[] sizes = [rows, .. view.Sizes[1..]];
        ReadView(tensor, view, view.Offset + (first * view.Strides[0]), sizes, destination);
    }

    /// <inheritdoc/>
    public override void Dispose() => _zip.Dispose();

    private PickleTensor View(TensorInfo tensor) =>
        _views.TryGetValue(tensor.Name, out var view) ? view : throw Bad($"no tensor '{tensor.Name}'");

    private void ReadView(TensorInfo tensor, PickleTensor view, long offset, long[] sizes, Span<float> destination)
    {
        long count = sizes.Aggregate(1L, (n, d) => n * d);
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, count);
        if (count == 0)
        {
            return;
        }
        try
        {
            lock (_lock)
            {
                using var stream = _entries[$"{_prefix}data/{view.Storage.Key}"].Open();
                int size = ElementCodec.Size(view.Storage.Type);
                Skip(stream, offset * size);
                if (IsContiguous(sizes, view.Strides))
                {
                    ReadContiguous(stream, view.Storage.Type, destination);
                }
                else
                {
                    long span = 1 + sizes.Zip(view.Strides, (d, s) => (d - 1) * s).Sum();
                    var bytes = new byte[checked(span * size)];
                    stream.ReadExactly(bytes);
                    Gather(bytes, view, sizes, destination);
                }
            }
        }
        catch (Exception e) when (Translate($"{Path}: tensor '{tensor.Name}'", e) is { } translated)
        {
            throw translated;
        }
    }

    private static void ReadContiguous(Stream stream, ElementType type, Span<float> destination)
    {
        int size = ElementCodec.Size(type);
        var buffer = new byte[(int)Math.Min((long)destination.Length * size, 1 << 18)];
        while (destination.Length > 0)
        {
            int n = Math.Min(destination.Length, buffer.Length / size);
            stream.ReadExactly(buffer.AsSpan(0, n * size));
            ElementCodec.Decode(type, buffer, destination[..n]);
            destination = destination[n..];
        }
    }

    private static void Gather(byte[] bytes, PickleTensor view, long[] sizes, Span<float> destination)
    {
        int width = ElementCodec.Size(view.Storage.Type);
        var index = new long[sizes.Length];
        long element = 0;
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] = ElementCodec.DecodeOne(view.Storage.Type, bytes.AsSpan((int)(element * width), width));
            for (int d = sizes.Length - 1; d >= 0; d--)
            {
                element += view.Strides[d];
                if (++index[d] < sizes[d])
                {
                    break;
                }
                element -= view.Strides[d] * sizes[d];
                index[d] = 0;
            }
        }
    }

    private static void Skip(Stream stream, long bytes)
    {
        if (stream.CanSeek)
        {
            stream.Seek(bytes, SeekOrigin.Current);
            return;
        }
        var buffer = new byte[(int)Math.Min(bytes, 1 << 16)];
        while (bytes > 0)
        {
            int n = (int)Math.Min(bytes, buffer.Length);
            stream.ReadExactly(buffer.AsSpan(0, n));
            bytes -= n;
        }
    }

    private static bool IsContiguous(long[] sizes, long[] strides)
    {
        long expected = 1;
        for (int d = sizes.Length - 1; d >= 0; d--)
        {
            if (sizes[d] != 1 && strides[d] != expected)
            {
                return false;
            }
            expected *= sizes[d];
        }
        return true;
    }

    private byte[] ReadPickle(ZipArchiveEntry entry)
    {
        // torch stores pickles as they are; one that expands enormously is an attack.
        if (entry.Length > _maxPickleBytes || entry.Length > 4096 + (64 * entry.CompressedLength))
        {
            throw Bad($"its data.pkl claims {entry.Length} bytes in {entry.CompressedLength}");
        }
        using var stream = entry.Open();
        var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    private void Collect(object? root)
    {
        switch (root)
        {
            case PickleDict dict:
                foreach (var (key, value) in (dict["state_dict"] as PickleDict ?? dict).Items)
                {
                    if (key is string name && value is PickleTensor tensor)
                    {
                        Add(name.StartsWith("module.", StringComparison.Ordinal) ? name["module.".Length..] : name, tensor);
                    }
                }
                break;
            case PickleInert module when IsModule(module):
                Walk(module, "", 0);
                break;
            default:
                throw Bad("the archive holds neither a dictionary of tensors nor a TorchScript module");
        }
    }

    private static bool IsModule(PickleInert o) =>
        o.Type.Module == "__torch__" || o.Type.Module.StartsWith("__torch__.", StringComparison.Ordinal);

    private void Walk(PickleInert module, string prefix, int depth)
    {
        if (depth > MaxDepth || --_visits < 0)
        {
            throw Bad("its modules are nested without end");
        }
        foreach (var (key, value) in module.State?.Items ?? [])
        {
            if (key is string name && value is PickleTensor tensor)
            {
                Add(prefix + name, tensor);
            }
            else if (key is string child && value is PickleInert inner && IsModule(inner))
            {
                Walk(inner, $"{prefix}{child}.", depth + 1);
            }
        }
    }

    private void Add(string name, PickleTensor tensor)
    {
        if (!_views.TryAdd(name, tensor))
        {
            throw Bad($"two tensors are named '{name}'");
        }
        var storage = tensor.Storage;
        if (!_entries.TryGetValue($"{_prefix}data/{storage.Key}", out var entry))
        {
            throw Bad($"the elements of tensor '{name}' are missing from the archive");
        }
        int size = ElementCodec.Size(storage.Type);
        if (entry.Length % size != 0 || entry.Length / size != storage.Length)
        {
            throw Bad($"tensor '{name}' has {entry.Length} bytes instead of {storage.Length} elements of {size}");
        }
        // The directory may lie about the packed length too; memory is taken before the entry is looked at.
        if (entry.CompressedLength > _fileBytes || entry.Length > (1 << 16) + (64 * entry.CompressedLength))
        {
            throw Bad($"tensor '{name}' claims {entry.Length} bytes in {entry.CompressedLength}");
        }
        _tensors.Add(new TensorInfo(name, storage.Type, Array.ConvertAll(tensor.Sizes, d => (int)d)));
    }

    private WeightFormatException Bad(string reason) =>
        new($"{Path}: {string.Concat(reason.Select(c => char.IsControl(c) ? '?' : c))}");

    private static WeightFormatException? Translate(string where, Exception e) => e switch
    {
        EndOfStreamException => new WeightFormatException($"{where}: the archive ends too early", e),
        InvalidDataException or NotSupportedException or OverflowException or ArgumentException =>
            new WeightFormatException($"{where}: the archive is damaged or incomplete", e),
        FileNotFoundException or DirectoryNotFoundException => new WeightFormatException($"{where}: there is no such file", e),
        IOException or UnauthorizedAccessException => new WeightFormatException($"{where}: cannot be read", e),
        _ => null,
    };
}
