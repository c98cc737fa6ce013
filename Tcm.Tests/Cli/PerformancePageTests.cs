using Tcm.Bench;
using Tcm.Tests.Support;

namespace Tcm.Tests.Cli;

/// <summary>The pages of measured figures.</summary>
public sealed class PerformancePageTests
{
    [Fact]
    public void Tables_are_those_of_the_results()
    {
        string docs = Path.Combine(SharedData.RepositoryRoot, "docs");
        string page = File.ReadAllText(Path.Combine(docs, "performance.md"));
        Assert.Equal(ReportCommand.Rewrite(page, Path.Combine(docs, "results")), page);
        Assert.Contains("| winograd |", page);
    }

    [Fact]
    public void Tables_of_the_ladder_are_those_of_the_results()
    {
        string docs = Path.Combine(SharedData.RepositoryRoot, "docs");
        string page = File.ReadAllText(Path.Combine(docs, "ladder.md"));
        Assert.Equal(ReportCommand.RewriteLadder(page, Path.Combine(docs, "results")), page);
        Assert.Contains("| multiply 1024x1024x1024 |", page);
    }
}
