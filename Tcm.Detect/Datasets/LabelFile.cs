using System.Text;
using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>One label file of a folder or a zip.</summary>
/// <param name="path">For messages: the file, or the zip followed by the entry's name.</param>
/// <param name="open">Opens it from its beginning, as often as it is asked to.</param>
internal sealed class LabelFile(string path, Func<Stream> open)
{
    /// <summary>For messages.</summary>
    public string Path { get; } = path;

    /// <summary>Name without folder.</summary>
    public string Name { get; } = System.IO.Path.GetFileName(path);

    /// <summary>The bytes.</summary>
    /// <exception cref="TcmException">It cannot be opened.</exception>
    public Stream Open()
    {
        try
        {
            return open();
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new TcmException($"{Path}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>The text, UTF-8 without its byte order mark.</summary>
    public string ReadText()
    {
        using var reader = new StreamReader(Open(), Encoding.UTF8);
        return reader.ReadToEnd();
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
