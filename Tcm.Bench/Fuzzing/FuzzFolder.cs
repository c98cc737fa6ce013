namespace Tcm.Bench.Fuzzing;

/// <summary>Inputs of readers that want a file's name; each thread has its own. The folder goes away with the process.</summary>
internal static class FuzzFolder
{
    private static readonly Lazy<string> Folder = new(() =>
    {
        string folder = Directory.CreateTempSubdirectory("tcm-fuzz-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    });

    /// <summary>Puts an input under a name, in place of the one before.</summary>
    public static string Put(string name, ReadOnlySpan<byte> content)
    {
        string path = Path.Combine(Directory.CreateDirectory(Path.Combine(Folder.Value, $"{Environment.CurrentManagedThreadId}")).FullName, name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
