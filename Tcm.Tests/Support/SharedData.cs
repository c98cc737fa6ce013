namespace Tcm.Tests.Support;

/// <summary>Reference data that lives beside the checkout, in <c>../shared</c>; a test that needs it skips where it is absent.</summary>
internal static class SharedData
{
    public static string RepositoryRoot { get; } = FindRoot();

    private static string Root => Path.Combine(RepositoryRoot, "..", "shared");

    public static string Golden(string name) => Require("golden", name);

    public static string Data(string name) => Require("data", name);

    private static string Require(string folder, string name)
    {
        string path = Path.GetFullPath(Path.Combine(Root, folder, name));
        Assert.SkipUnless(File.Exists(path) || Directory.Exists(path), $"shared/{folder}/{name} is not here");
        return path;
    }

    private static string FindRoot()
    {
        for (var d = new DirectoryInfo(AppContext.BaseDirectory); d is not null; d = d.Parent)
        {
            if (File.Exists(Path.Combine(d.FullName, "Tcm.sln")))
            {
                return d.FullName;
            }
        }
        throw new InvalidOperationException("the tests do not run inside the repository");
    }
}
