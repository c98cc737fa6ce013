namespace Tcm.Nn.Checkpoints;

/// <summary>Where the bytes of an output file go before it is complete.</summary>
/// <param name="Target">The file that finally holds them; links are followed, so that the link itself survives.</param>
/// <param name="InPlace">Whether they are written straight into <paramref name="Target"/>, never renamed onto it.</param>
internal readonly record struct OutputPlace(string Target, bool InPlace)
{
    /// <summary>
    /// Decides for a path. A file under construction is normally renamed onto its name at the end, but a rename onto a device
    /// or a pipe (<c>/dev/null</c>, <c>/dev/stdout</c>, a FIFO) would replace it, for everybody on the machine if root does
    /// it. .NET cannot tell these from ordinary files, except that their length is 0; so whatever exists and is empty is
    /// written in place, where nothing can be lost.
    /// </summary>
    /// <exception cref="IOException">The path is a circle of links.</exception>
    public static OutputPlace Of(string path)
    {
        // Behind /dev/stdout stands a link whose text ("pipe:[123]") is no path: such a file exists, its target does not.
        string? link = new FileInfo(path).LinkTarget is null ? null
            : File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName;
        string target = link is null || (File.Exists(path) && !File.Exists(link)) ? path : link;
        var file = new FileInfo(target);
        // FileInfo looks at a link itself, not at what it leads to, but only for links that could not be followed above.
        return new OutputPlace(target, file.Exists && (file.LinkTarget is not null || file.Length == 0));
    }

    /// <summary>Whether an exception says that a file cannot be written.</summary>
    public static bool IsRefusal(Exception e) => e is IOException or UnauthorizedAccessException or NotSupportedException
        // So .NET reports a file that is longer than its file system or its user's limit allows.
        or ArgumentOutOfRangeException { ParamName: "value" };

    /// <summary>Opens what <see cref="Of"/> has decided to write in place.</summary>
    public FileStream Open() => new(Target, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);

    /// <summary>A new file beside the target, to be renamed onto it.</summary>
    public string TemporaryName() => $"{Target}.{Guid.NewGuid():N}.tmp";
}
