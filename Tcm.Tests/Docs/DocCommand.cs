using System.Text;

namespace Tcm.Tests.Docs;

/// <summary>A line that a reader would type.</summary>
/// <param name="Page">Where it stands.</param>
/// <param name="Line">From 1.</param>
/// <param name="Words">As a shell would split them.</param>
/// <param name="NotRun">Why it is not run, if the page says so.</param>
internal sealed record DocCommand(string Page, int Line, IReadOnlyList<string> Words, string? NotRun)
{
    /// <summary>Words that begin a command; a block without a language is one of commands where a line begins so.</summary>
    private static readonly string[] Programs = ["tcm", "dotnet", "cd", "git", "docker", "kubectl", "sbatch", "curl", "export"];

    /// <summary>Every command in the blocks of all pages.</summary>
    public static IEnumerable<DocCommand> All => DocPage.All.SelectMany(Of);

    public override string ToString() => $"{Page}:{Line}: {string.Join(' ', Words)}";

    /// <summary>As a shell splits: quotes, and # for a comment.</summary>
    public static IReadOnlyList<string> Split(string line)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        bool inWord = false;
        char quote = '\0';
        foreach (char c in line)
        {
            if (quote != '\0')
            {
                quote = c == quote ? '\0' : quote;
                word.Append(c == quote || quote == '\0' ? "" : c.ToString());
            }
            else if (c is '\'' or '"')
            {
                (quote, inWord) = (c, true);
            }
            else if (char.IsWhiteSpace(c))
            {
                Finish();
            }
            else if (c == '#' && !inWord)
            {
                break;
            }
            else
            {
                word.Append(c);
                inWord = true;
            }
        }
        Finish();
        return words;

        void Finish()
        {
            if (inWord)
            {
                words.Add(word.ToString());
            }
            word.Clear();
            inWord = false;
        }
    }

    private static IEnumerable<DocCommand> Of(DocPage page)
    {
        foreach (var fence in page.Fences.Where(IsShell))
        {
            string pending = "";
            int begin = 0;
            for (int i = 0; i < fence.Lines.Count; i++)
            {
                string line = fence.Lines[i].TrimEnd();
                begin = pending.Length == 0 ? i : begin;
                if (line.EndsWith('\\'))
                {
                    pending += line[..^1] + " ";
                    continue;
                }
                var words = Split(pending + line);
                pending = "";
                if (words.Count > 0)
                {
                    yield return new(page.Path, fence.Line + 1 + begin, words, fence.NotRun);
                }
            }
        }
    }

    private static bool IsShell(Fence fence) => fence.Language is "sh" or "bash" or "shell" or "console" || (fence.Language.Length == 0
        && fence.Lines.Any(l => Split(l) is [var first, ..] && (Programs.Contains(first) || first.StartsWith("./", StringComparison.Ordinal)
            || first.StartsWith(".ci/", StringComparison.Ordinal))));
}
