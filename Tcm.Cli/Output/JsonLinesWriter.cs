using System.Buffers;
using System.Text.Json;
using Tcm.Detect;

namespace Tcm.Cli.Output;

/// <summary>
/// Writes results as JSON lines into a file that a later run goes on with: each object reaches the system, with its line end,
/// in one write as soon as it is there. A process that is killed leaves complete lines and at most one torn one, which the next
/// run drops.
/// </summary>
internal sealed class JsonLinesWriter : IResultWriter
{
    // A result of a thousand long polygons has less than a megabyte: whatever is longer is some other file.
    private const int LongestLine = 1 << 26;

    private readonly string _path;
    private readonly FileStream _file;
    private readonly Dictionary<string, bool> _done = new(StringComparer.Ordinal);
    private readonly ArrayBufferWriter<byte> _line = new();
    private readonly ResultJson _json;

    /// <summary>Opens or creates the file and reads which inputs it has.</summary>
    /// <exception cref="OutputException">It cannot be written, or holds something else; it is then left as it was.</exception>
    public JsonLinesWriter(string path)
    {
        _path = path;
        _json = new ResultJson(_line);
        if (Directory.Exists(path))
        {
            throw new OutputException($"{path}: is a folder");
        }
        try
        {
            // Not shared: of two processes with the same file, the second one is told so.
            _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new OutputException($"{path}: cannot be written: {Reason(e)}", e);
        }
        try
        {
            // A pipe would keep the reader waiting for ever.
            long complete = _file.CanSeek ? ReadLines() : throw new NotSupportedException();
            _file.SetLength(complete);
            _file.Position = complete;
        }
        catch (Exception e)
        {
            _file.Dispose();
            if (e is IOException or NotSupportedException)
            {
                throw new OutputException($"{path}: cannot be read and written: {Reason(e)}", e);
            }
            throw;
        }
    }

    /// <summary>The inputs that the file had when it was opened, and whether each of them had failed.</summary>
    public IReadOnlyDictionary<string, bool> Done => _done;

    /// <inheritdoc/>
    public void Write(string image, DetectionResult result, double decode)
    {
        _json.Write(image, result, decode);
        Send();
    }

    /// <inheritdoc/>
    public void WriteError(string image, string error)
    {
        _json.WriteError(image, error);
        Send();
    }

    /// <summary>Nothing is left to do: every line is written when it is there.</summary>
    public void Complete() { }

    /// <inheritdoc/>
    public void Dispose()
    {
        _json.Dispose();
        _file.Dispose();
    }

    /// <summary>Gathers <see cref="Done"/>; returns the length of the complete lines.</summary>
    private long ReadLines()
    {
        var line = new ArrayBufferWriter<byte>();
        var chunk = new byte[1 << 16];
        long complete = 0;
        int number = 1;
        for (int read; (read = _file.Read(chunk)) > 0;)
        {
            ReadOnlySpan<byte> rest = chunk.AsSpan(0, read);
            for (int end; (end = rest.IndexOf((byte)'\n')) >= 0; rest = rest[(end + 1)..])
            {
                line.Write(rest[..end]);
                Take(line.WrittenMemory, number++);
                complete += line.WrittenCount + 1;
                line.ResetWrittenCount();
            }
            line.Write(rest);
            if (line.WrittenCount > LongestLine)
            {
                throw NotResults(number);
            }
        }
        // After complete lines the rest is a torn one whatever it looks like (a crash of the machine may leave zeros); a file
        // of nothing else must look like the beginning of a result before it is emptied.
        var torn = line.WrittenSpan;
        var begin = "{\"image\":"u8;
        int compared = Math.Min(torn.Length, begin.Length);
        return complete > 0 || torn[..compared].SequenceEqual(begin[..compared]) ? complete : throw NotResults(1);
    }

    private void Take(ReadOnlyMemory<byte> line, int number)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            if (json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("image", out var image)
                && image.ValueKind == JsonValueKind.String)
            {
                _done[image.GetString()!] = json.RootElement.TryGetProperty("error", out _);
                return;
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not JSON, or not UTF-8: the same to the user.
        }
        throw NotResults(number);
    }

    private OutputException NotResults(int line) =>
        new($"{_path}: line {line} is not a result of 'tcm detect'; the file is left as it is");

    private void Send()
    {
        _line.Write("\n"u8);
        try
        {
            _file.Write(_line.WrittenSpan);
        }
        catch (IOException e)
        {
            throw new OutputException($"{_path}: cannot be written: {Reason(e)}", e);
        }
        _line.ResetWrittenCount();
    }

    private static string Reason(Exception e) => e switch
    {
        DirectoryNotFoundException => "there is no such folder",
        UnauthorizedAccessException => "no permission",
        NotSupportedException => "it is not a file on a disk",
        _ => CommandLineApp.OneLine(e.Message),
    };
}
