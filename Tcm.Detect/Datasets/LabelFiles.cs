using System.IO.Compression;
using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>The label files at a path: of a folder, of a zip, or the single file that is named.</summary>
internal static class LabelFiles
{
    /// <summary>The files that are wanted; each is to be read before the next is asked for.</summary>
    /// <param name="path">Folder, zip or file.</param>
    /// <param name="wanted">Looks at a name without folder.</param>
    /// <exception cref="TcmException">Nothing is there, or it cannot be read.</exception>
    public static IEnumerable<LabelFile> Read(string path, Func<string, bool> wanted)
    {
        if (Directory.Exists(path))
        {
            foreach (string file in FilesOf(path).Where(f => Wanted(Path.GetFileName(f))))
            {
                yield return new LabelFile(file, () => File.OpenRead(file));
            }
            yield break;
        }
        if (File.Exists(path) && Wanted(Path.GetFileName(path)))
        {
            yield return new LabelFile(path, () => File.OpenRead(path));
            yield break;
        }
        using var zip = OpenZip(path);
        foreach (var entry in zip.Entries.Where(e => Wanted(e.Name)))
        {
            yield return new LabelFile($"{path}/{entry.Name}", entry.Open);
        }

        // macOS puts such companions into zips.
        bool Wanted(string name) => name.Length > 0 && !name.StartsWith("._", StringComparison.Ordinal) && wanted(name);
    }

    private static string[] FilesOf(string folder)
    {
        try
        {
            return Directory.GetFiles(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TcmException($"{folder}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static ZipArchive OpenZip(string path)
    {
        ZipArchive? zip = null;
        try
        {
            zip = File.Exists(path) ? ZipFile.OpenRead(path) : throw new TcmException($"{path}: no such folder or zip");
            // The directory is read, and its damages are found, when it is first looked at.
            _ = zip.Entries;
            return zip;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            zip?.Dispose();
            throw new TcmException($"{path}: cannot be read as a zip: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }
}
