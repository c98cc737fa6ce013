namespace Tcm.Nn.Checkpoints;

/// <summary>Opens weight files by their content, whatever they are called. Thread-safe.</summary>
public static class CheckpointFile
{
    /// <summary>Largest table of tensors of a file, in bytes, unless another limit is given; that of the reference implementation of
    /// safetensors.</summary>
    public const int DefaultMaxHeaderBytes = 100_000_000;

    private const int StartBytes = 16;

    /// <summary>Opens a safetensors file or a PyTorch archive.</summary>
    /// <exception cref="WeightFormatException">The file is missing, empty, damaged, or of another kind.</exception>
    public static Checkpoint Open(string path) => Open(path, DefaultMaxHeaderBytes);

    /// <summary>Opens a safetensors file or a PyTorch archive.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxHeaderBytes">A larger table of tensors (header, or pickle) is refused before memory is taken for it.</param>
    /// <exception cref="WeightFormatException">The file is missing, empty, damaged, or of another kind.</exception>
    public static Checkpoint Open(string path, int maxHeaderBytes)
    {
        byte[] start = new byte[StartBytes];
        int count;
        try
        {
            if (Directory.Exists(path))
            {
                throw new WeightFormatException($"{path}: is a directory, not a weight file");
            }
            using var file = File.OpenRead(path);
            count = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new WeightFormatException($"{path}: there is no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new WeightFormatException($"{path}: cannot be read", e);
        }
        return IsArchive(start.AsSpan(0, count), path) ? PyTorchArchive.Open(path, maxHeaderBytes)
            : SafetensorsFile.Open(path, maxHeaderBytes);
    }

    /// <summary>
    /// Reads the content of such a file from a stream to its end, into memory, which the checkpoint keeps until it is disposed.
    /// </summary>
    /// <param name="stream">Where it begins; stays open.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="maxHeaderBytes">A larger table of tensors (header, or pickle) is refused.</param>
    /// <exception cref="WeightFormatException">The stream cannot be read, is empty, longer than 2 GiB, damaged, or of another
    /// kind.</exception>
    public static Checkpoint Open(Stream stream, string name, int maxHeaderBytes = DefaultMaxHeaderBytes)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(name);
        var content = new MemoryStream();
        try
        {
            // Grows with what arrives: lengths that the content claims cost nothing.
            stream.CopyTo(content);
        }
        catch (Exception e) when (e is IOException or NotSupportedException or UnauthorizedAccessException or OutOfMemoryException)
        {
            throw new WeightFormatException($"{name}: cannot be read", e);
        }
        var bytes = content.GetBuffer().AsMemory(0, (int)content.Length);
        return IsArchive(bytes.Span[..Math.Min(bytes.Length, StartBytes)], name)
            ? PyTorchArchive.Open(new MemoryStream(content.GetBuffer(), 0, bytes.Length, writable: false), name, maxHeaderBytes)
            : SafetensorsFile.Open(bytes, name, maxHeaderBytes);
    }

    // A PyTorch archive, or else a safetensors file.
    private static bool IsArchive(ReadOnlySpan<byte> start, string name) => start switch
    {
        [] => throw new WeightFormatException($"{name}: the file is empty"),
        [(byte)'P', (byte)'K', 3 or 5, 4 or 6, ..] => true,
        [0x80, 2, ..] => throw new WeightFormatException(
            $"{name}: written by PyTorch before 1.6, which is not supported; load and save it with a newer one"),
        [_, _, _, _, _, _, _, _, (byte)'{', ..] => false,
        _ => throw new WeightFormatException($"{name}: neither a safetensors file nor a PyTorch archive"),
    };
}
