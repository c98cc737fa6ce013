using System.Text.RegularExpressions;
using Tcm.Tests.Support;

namespace Tcm.Tests.Docs;

/// <summary>A block between fences.</summary>
/// <param name="Language">What stands behind the opening fence; empty for none.</param>
/// <param name="Line">Of the opening fence, from 1.</param>
/// <param name="Lines">The content.</param>
/// <param name="NotRun">Why its commands are not run: what the page says in a comment on the line above, else null.</param>
internal sealed record Fence(string Language, int Line, IReadOnlyList<string> Lines, string? NotRun);

/// <summary>A page of the documentation, in the parts that the tests look at.</summary>
internal sealed partial class DocPage
{
    private DocPage(string path)
    {
        Path = path;
        Text = File.ReadAllText(System.IO.Path.Combine(SharedData.RepositoryRoot, path)).ReplaceLineEndings("\n");
        (Fences, Prose) = Split(Text);
    }

    /// <summary>All pages: those at the top, in docs/, and the readmes of folders.</summary>
    public static IReadOnlyList<DocPage> All { get; } = [.. Find().Order(StringComparer.Ordinal).Select(p => new DocPage(p))];

    /// <summary>Below the repository, with slashes.</summary>
    public string Path { get; }

    public string Text { get; }

    public IReadOnlyList<Fence> Fences { get; }

    /// <summary>The text with its fenced blocks empty, so that line numbers stay.</summary>
    public string Prose { get; }

    /// <summary>What stands between single backticks.</summary>
    public IEnumerable<string> CodeSpans => CodeSpan.Matches(Prose).Select(m => m.Groups[1].Value);

    /// <summary>Targets of links and pictures.</summary>
    public IEnumerable<string> Links => Link.Matches(CodeSpan.Replace(Prose, "")).Select(m => m.Groups[1].Value);

    /// <summary>What a link may name behind #: headings in the form that GitHub gives them.</summary>
    public IReadOnlySet<string> Anchors
    {
        get
        {
            var anchors = new HashSet<string>();
            foreach (Match heading in Heading.Matches(Prose))
            {
                string plain = LinkText.Replace(heading.Groups[1].Value.Trim(), "$1").ToLowerInvariant();
                string anchor = string.Concat(plain.Where(c => char.IsLetterOrDigit(c) || c is '-' or '_' or ' ')).Replace(' ', '-');
                for (int i = 1; !anchors.Add(i == 1 ? anchor : $"{anchor}-{i - 1}"); i++)
                {
                }
            }
            return anchors;
        }
    }

    public static DocPage Of(string path) => All.Single(p => p.Path == path);

    public override string ToString() => Path;

    private static IEnumerable<string> Find()
    {
        string root = SharedData.RepositoryRoot;
        var top = Directory.EnumerateFiles(root, "*.md");
        var docs = Directory.EnumerateFiles(System.IO.Path.Combine(root, "docs"), "*.md", SearchOption.AllDirectories);
        var readmes = RepositoryFiles.All.Where(f => f.EndsWith("/README.md", StringComparison.Ordinal));
        return top.Concat(docs).Select(p => System.IO.Path.GetRelativePath(root, p).Replace('\\', '/')).Concat(readmes).Distinct();
    }

    private static (List<Fence>, string) Split(string text)
    {
        var fences = new List<Fence>();
        string[] lines = text.Split('\n');
        List<string>? open = null;
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                if (open is null)
                {
                    var reason = i > 0 ? NotRun.Match(lines[i - 1]) : Match.Empty;
                    fences.Add(new(line[3..].Trim(), i + 1, open = [], reason.Success ? reason.Groups[1].Value : null));
                }
                else
                {
                    open = null;
                }
                lines[i] = "";
            }
            else if (open is not null)
            {
                open.Add(lines[i]);
                lines[i] = "";
            }
        }
        Assert.True(open is null, "a fenced block has no end");
        return (fences, string.Join('\n', lines));
    }

    [GeneratedRegex("^ *<!-- Not run: (.{10,}) -->$")]
    private static partial Regex NotRun { get; }

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex CodeSpan { get; }

    [GeneratedRegex(@"\]\(([^()\s]+)\)")]
    private static partial Regex Link { get; }

    [GeneratedRegex(@"\[([^\]]*)\]\([^)]*\)")]
    private static partial Regex LinkText { get; }

    [GeneratedRegex("^#{1,6} (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading { get; }
}

/// <summary>Files of the repository, as far as they are not made by a build.</summary>
internal static class RepositoryFiles
{
    private static readonly HashSet<string> Made = [".git", "bin", "obj", "data", "runs", "out", "TestResults", ".vs", "node_modules"];

    /// <summary>Paths below the repository, with slashes.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Below(new DirectoryInfo(SharedData.RepositoryRoot), "")];

    private static IEnumerable<string> Below(DirectoryInfo folder, string prefix) =>
        folder.EnumerateFiles().Select(f => prefix + f.Name).Concat(folder.EnumerateDirectories()
            .Where(d => !Made.Contains(d.Name)).SelectMany(d => Below(d, $"{prefix}{d.Name}/")));
}
