namespace Tcm.Nn.Checkpoints;

/// <summary>Files of weights that appear under their names only when they are complete.</summary>
internal static class CompleteFile
{
    /// <summary>Writes a file; an existing one is replaced at the end, and stays as it is when something fails.</summary>
    /// <exception cref="WeightFormatException">The file cannot be written.</exception>
    public static void Write(string path, Action<FileStream> write)
    {
        string? temporary = null;
        try
        {
            var place = OutputPlace.Of(path);
            using (var stream = place.InPlace ? place.Open() : new FileStream(temporary = place.TemporaryName(),
                FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: temporary is not null);
            }
            if (temporary is not null)
            {
                File.Move(temporary, place.Target, overwrite: true);
            }
        }
        catch (Exception e)
        {
            if (temporary is not null)
            {
                Remove(temporary);
            }
            throw OutputPlace.IsRefusal(e)
                ? new WeightFormatException($"{path}: cannot be written: {e.Message.ReplaceLineEndings(" ")}", e) : e;
        }
    }

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one to report.
        }
    }
}
