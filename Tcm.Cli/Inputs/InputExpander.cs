using System.IO.Enumeration;
using Tcm.Cli.Images;

namespace Tcm.Cli.Inputs;

/// <summary>One input: a file, or the reason why an argument gave none.</summary>
internal readonly record struct Input(string Path, string? Error = null);

/// <summary>
/// Turns arguments into files. A file stands for itself, a folder for the pictures in it (those below it only if asked for),
/// a pattern for the files that match: <c>*</c> and <c>?</c> within a name, <c>**</c> for any number of folders. Folders and
/// patterns come out sorted by name; the order of the arguments is kept.
/// </summary>
internal static class InputExpander
{
    private static readonly EnumerationOptions Listing = new()
    {
        IgnoreInaccessible = true,
        AttributesToSkip = 0,
        RecurseSubdirectories = false,
    };

    /// <summary>Expands all arguments; one that matches nothing gives an input with an error.</summary>
    /// <param name="arguments">Files, folders, patterns.</param>
    /// <param name="recursive">Whether a folder also stands for the folders below it.</param>
    public static List<Input> Expand(IEnumerable<string> arguments, bool recursive = false)
    {
        var inputs = new List<Input>();
        foreach (string argument in arguments)
        {
            if (File.Exists(argument))
            {
                inputs.Add(new Input(argument));
            }
            else if (Directory.Exists(argument))
            {
                var files = recursive ? Walk(argument, (string[])["**"]) : Files(argument);
                Add(inputs, argument, files.Where(ImageFile.HasPictureExtension), "no pictures in this folder");
            }
            else if (argument.AsSpan().ContainsAny('*', '?'))
            {
                Add(inputs, argument, Match(argument), "no file matches this pattern");
            }
            else
            {
                // Left to the reader, which knows how to say what is wrong with it.
                inputs.Add(new Input(argument));
            }
        }
        return inputs;
    }

    private static void Add(List<Input> inputs, string argument, IEnumerable<string> paths, string whenNone)
    {
        int before = inputs.Count;
        inputs.AddRange(paths.Distinct().Order(StringComparer.Ordinal).Select(path => new Input(path)));
        if (inputs.Count == before)
        {
            inputs.Add(new Input(argument, $"{argument}: {whenNone}"));
        }
    }

    private static IEnumerable<string> Match(string pattern)
    {
        var parts = pattern.Split('/', OperatingSystem.IsWindows() ? '\\' : '/');
        string root = parts[0].Length == 0 ? "/" : "";
        parts = [.. parts.Where(part => part.Length > 0)];
        var found = Walk(root, parts);
        // A pattern that names no extension means pictures; otherwise a list of labels beside them would count as failed.
        return parts.Length > 0 && parts[^1].EndsWith('*') ? found.Where(ImageFile.HasPictureExtension) : found;
    }

    private static IEnumerable<string> Walk(string folder, ReadOnlyMemory<string> parts)
    {
        if (parts.IsEmpty)
        {
            return [];
        }
        string part = parts.Span[0];
        var rest = parts[1..];
        if (part == "**")
        {
            // Links to folders are not followed: they may lead in circles.
            var below = Folders(folder).Where(f => new DirectoryInfo(f).LinkTarget is null).SelectMany(f => Walk(f, parts));
            return (rest.IsEmpty ? Files(folder) : Walk(folder, rest)).Concat(below);
        }
        if (!part.AsSpan().ContainsAny('*', '?'))
        {
            string path = Path.Combine(folder, part);
            return rest.IsEmpty ? (File.Exists(path) ? [path] : []) : Directory.Exists(path) ? Walk(path, rest) : [];
        }
        return rest.IsEmpty
            ? Files(folder).Where(path => Matches(part, path))
            : Folders(folder).Where(path => Matches(part, path)).SelectMany(path => Walk(path, rest));
    }

    private static bool Matches(string pattern, string path)
    {
        string name = Path.GetFileName(path);
        // As in a shell, hidden files take part only if the pattern says so.
        return (name[0] != '.' || pattern[0] == '.')
            && FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: OperatingSystem.IsWindows());
    }

    private static IEnumerable<string> Files(string folder) =>
        Names(Directory.EnumerateFiles(folder.Length == 0 ? "." : folder, "*", Listing), folder);

    private static IEnumerable<string> Folders(string folder) =>
        Names(Directory.EnumerateDirectories(folder.Length == 0 ? "." : folder, "*", Listing), folder);

    /// <summary>Paths as the user would write them: without a leading <c>./</c> that was not asked for.</summary>
    private static IEnumerable<string> Names(IEnumerable<string> paths, string folder) =>
        paths.Select(path => Path.Combine(folder, Path.GetFileName(path))).Where(path => Path.GetFileName(path)[0] != '.');
}
