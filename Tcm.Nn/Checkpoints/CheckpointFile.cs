namespace Tcm.Nn.Checkpoints;

/// <summary>Opens weight files by their content, whatever they are called.</summary>
public static class CheckpointFile
{
    /// <summary>Opens a safetensors file or a PyTorch archive.</summary>
    /// <exception cref="WeightFormatException">The file is missing, empty, damaged, or of another kind.</exception>
    public static Checkpoint Open(string path)
    {
        byte[] start = new byte[16];
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
        return start.AsSpan(0, count) switch
        {
            [] => throw new WeightFormatException($"{path}: the file is empty"),
            [(byte)'P', (byte)'K', 3 or 5, 4 or 6, ..] => PyTorchArchive.Open(path),
            [0x80, 2, ..] => throw new WeightFormatException(
                $"{path}: written by PyTorch before 1.6, which is not supported; load and save it with a newer one"),
            [_, _, _, _, _, _, _, _, (byte)'{', ..] => SafetensorsFile.Open(path),
            _ => throw new WeightFormatException($"{path}: neither a safetensors file nor a PyTorch archive"),
        };
    }
}
