using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Tcm.Tests.Support;

namespace Tcm.Tests.Docs;

/// <summary>Links and anchors of the documentation resolve, and the files that it names exist.</summary>
public sealed partial class DocLinkTests
{
    /// <summary>Names that are no file of the repository: what commands write or read, and examples of labels.</summary>
    private static readonly (string Page, string[] Names)[] Elsewhere =
    [
        ("*", [".safetensors", "state.safetensors", "model.safetensors", "best.safetensors", "data/", "out/", "examples/", "curves.png"]),
        ("docs/data.md", ["gt_photo.txt", "photo.txt", "photo.jpg.txt", "000photo.txt", "poly_gt_photo.txt", "res_photo.txt", "train1.json",
            "train2.json", "recipes/shop.json"]),
        ("docs/tour.md", ["stages.safetensors", "NAME.first.png"]),
        // What a reader may write.
        ("docs/service.md", ["appsettings.json"]),
        // Inside the package.
        ("docs/packages.md", ["model/"]),
        ("Tcm.Detect/README.md", ["model/README.md"]),
    ];

    public static TheoryData<string> Pages => [.. DocPage.All.Select(p => p.Path)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_resolve(string path)
    {
        var page = DocPage.Of(path);
        var broken = new List<string>();
        foreach (string link in page.Links.Where(l => !l.Contains("://", StringComparison.Ordinal)))
        {
            string[] parts = link.Split('#', 2);
            string folder = Path.GetDirectoryName(Path.Combine(SharedData.RepositoryRoot, path))!;
            string target = Path.GetFullPath(parts[0].Length == 0 ? Path.Combine(SharedData.RepositoryRoot, path) : Path.Combine(folder, parts[0]));
            string name = Path.GetRelativePath(SharedData.RepositoryRoot, target).Replace('\\', '/');
            bool exists = RepositoryFiles.All.Any(f => f == name || f.StartsWith(name + "/", StringComparison.Ordinal));
            bool anchored = parts.Length == 1 || (exists && DocPage.All.FirstOrDefault(p => p.Path == name)?.Anchors.Contains(parts[1]) == true);
            if (!exists || !anchored)
            {
                broken.Add(link);
            }
        }
        Assert.True(broken.Count == 0, $"{path}: {string.Join(", ", broken)}");
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Files_that_are_named_exist(string path)
    {
        var known = Elsewhere.Where(e => e.Page == "*" || e.Page == path).SelectMany(e => e.Names).ToHashSet();
        var missing = DocPage.Of(path).CodeSpans.Where(s => LooksLikeFile.IsMatch(s) && !known.Contains(s) && !Exists(s)).Distinct();
        Assert.Equal("", string.Join(", ", missing));
    }

    [Fact]
    public void Links_and_files_are_found_at_all()
    {
        Assert.True(DocPage.All.Sum(p => p.Links.Count()) > 100);
        Assert.True(DocPage.All.Sum(p => p.CodeSpans.Count(s => LooksLikeFile.IsMatch(s))) > 100);
        Assert.Contains("heads-heads", DocPage.Of("docs/architecture.md").Anchors);
        Assert.False(Exists("docs/nothing.md"));
    }

    [Fact]
    public void The_card_of_the_weights_has_their_hash()
    {
        byte[] weights = File.ReadAllBytes(Path.Combine(SharedData.RepositoryRoot, "weights", "tcm-db-s.safetensors"));
        Assert.Contains($"`{Convert.ToHexStringLower(SHA256.HashData(weights))}`", DocPage.Of("weights/README.md").Prose);
    }

    /// <summary>From the repository's root, or the end of a path, as in a table of one project's files; * is anything but a slash.</summary>
    private static bool Exists(string name)
    {
        string pattern = "(^|/)" + Regex.Escape(name).Replace("\\*", "[^/]*", StringComparison.Ordinal) + (name.EndsWith('/') ? "" : "$");
        return RepositoryFiles.All.Any(f => Regex.IsMatch(f, pattern));
    }

    /// <summary>A folder with a slash at its end, a path with an extension, or a bare name of a kind that the repository has.</summary>
    [GeneratedRegex(@"^[\w.\-/*]+/$|^[\w.\-*]+(/[\w.\-*]+)+\.\w+$|^[\w.\-*]*\.(cs|sh|md|yaml|csproj|props|json|png|safetensors|txt)$")]
    private static partial Regex LooksLikeFile { get; }
}
