using System.IO.Compression;
using System.Text;
using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>Text files of a folder or a zip.</summary>
internal static class LabelFiles
{
    /// <summary>The files that are wanted, with their content.</summary>
    /// <param name="path">Folder or zip.</param>
    /// <param name="wanted">Looks at a name.</param>
    /// <exception cref="TcmException">Neither is there, or it cannot be read.</exception>
    public static IEnumerable<(string Path, string Content)> Read(string path, Func<string, bool> wanted)
    {
        if (Directory.Exists(path))
        {
            foreach (string file in Directory.GetFiles(path).Where(wanted))
            {
                yield return (file, File.ReadAllText(file, Encoding.UTF8));
            }
            yield break;
        }
        using var zip = OpenZip(path);
        foreach (var entry in zip.Entries.Where(e => e.Name.Length > 0 && wanted(e.Name)))
        {
            using var text = new StreamReader(entry.Open(), Encoding.UTF8);
            yield return ($"{path}/{entry.Name}", text.ReadToEnd());
        }
    }

    private static ZipArchive OpenZip(string path)
    {
        try
        {
            return File.Exists(path) ? ZipFile.OpenRead(path) : throw new TcmException($"{path}: no such folder or zip");
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new TcmException($"{path}: cannot be read as a zip: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }
}
