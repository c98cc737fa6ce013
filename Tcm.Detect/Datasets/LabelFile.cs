using System.Text;
using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>One label file of a folder or a zip.</summary>
/// <param name="path">For messages: the file, or the zip followed by the entry's name.</param>
/// <param name="open">Opens it from its beginning, as often as it is asked to.</param>
internal sealed class LabelFile(string path, Func<Stream> open)
{
    /// <summary>One picture's labels are kilobytes; this bounds what a zip may unpack to.</summary>
    private const int MaxTextBytes = 1 << 24;

    /// <summary>For messages.</summary>
    public string Path { get; } = path;

    /// <summary>Name without folder.</summary>
    public string Name { get; } = System.IO.Path.GetFileName(path);

    /// <summary>The bytes.</summary>
    /// <exception cref="TcmException">It cannot be opened.</exception>
    public Stream Open() => Guard(open);

    /// <summary>Runs something that reads the file.</summary>
    /// <exception cref="TcmException">The file system or the zip fails; the message names the file.</exception>
    public T Guard<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new TcmException($"{Path}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>The text, UTF-8 without its byte order mark.</summary>
    /// <exception cref="TcmException">It cannot be read, or is much larger than the labels of a picture are.</exception>
    public string ReadText()
    {
        using var stream = Open();
        byte[] bytes = new byte[4096];
        int length = 0;
        for (int read = 1; read > 0; length += read)
        {
            if (length == bytes.Length)
            {
                Array.Resize(ref bytes, length < MaxTextBytes ? 2 * length
                    : throw new TcmException($"{Path}: more than {MaxTextBytes >> 20} MiB, which no picture's labels are"));
            }
            read = Guard(() => stream.Read(bytes, length, bytes.Length - length));
        }
        return Encoding.UTF8.GetString(bytes, 0, length).TrimStart('\uFEFF');
    }

    /// <summary>Lines that hold more than blanks, one at a time, with their numbers from 1.</summary>
    public IEnumerable<(int Number, string Text)> ReadLines()
    {
        using var reader = new StreamReader(Open(), Encoding.UTF8);
        for (int number = 1; reader.ReadLine() is { } line; number++)
        {
            if (line.AsSpan().Trim().Length > 0)
            {
                yield return (number, line);
            }
        }
    }
}
