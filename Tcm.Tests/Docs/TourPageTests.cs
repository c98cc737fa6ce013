using SkiaSharp;
using Tcm.Cli;
using Tcm.Nn.Checkpoints;
using Tcm.Tests.Cli;
using Tcm.Tests.Support;

namespace Tcm.Tests.Docs;

/// <summary>docs/tour.md: its pictures are what its command makes, its shapes are the network's.</summary>
public sealed class TourPageTests : IDisposable
{
    /// <summary>Other vector widths round differently; that moves a colour by a step or two, not by more.</summary>
    private const double MostMeanDifference = 2;

    private static readonly DocPage Page = DocPage.Of("docs/tour.md");
    private readonly TestConsole _console = new() { RealDetector = true };

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Pictures_are_those_of_the_command()
    {
        string committed = Path.Combine(SharedData.RepositoryRoot, "docs", "images", "tour"), made = _console.PathOf("maps");
        var command = DocCommand.All.First(c => c.Page == Page.Path).Words;
        Assert.Equal("docs/images/tour", command[^3]);
        string weights = Tcm.Detect.ShippedModel.Find()!;
        Assert.Equal(ExitCode.Success, _console.Run(["trace", Pictures.Asset("sample.png"), "--out", _console.PathOf("s.safetensors"),
            "--png", made, .. command.Skip(command.Count - 2), "--weights", weights]));
        Assert.Equal(Names(committed), Names(made));
        foreach (string name in Names(committed))
        {
            Close(Path.Combine(made, name), Path.Combine(committed, name));
        }
        var shown = Page.Links.Where(l => l.StartsWith("images/tour/", StringComparison.Ordinal)).ToList();
        Assert.True(shown.Count > 10);
        long bytes = new DirectoryInfo(committed).EnumerateFiles().Sum(f => f.Length);
        Assert.True(bytes < 600_000, $"{bytes} bytes of pictures");
    }

    [Fact]
    public void The_picture_of_regions_is_that_of_the_main_command()
    {
        Assert.Equal(ExitCode.Success, _console.Run("detect", Pictures.Asset("sample.png"), "--draw", _console.PathOf("out"), "--weights",
            Tcm.Detect.ShippedModel.Find()!));
        Close(_console.PathOf("out", "sample.png"), Path.Combine(SharedData.RepositoryRoot, "docs", "sample-regions.png"));
    }

    [Theory]
    [InlineData("formula", 2)]
    [InlineData("shipped", 3)]
    public void Shapes_are_those_of_the_network(string weights, int column)
    {
        string picture = _console.PathOf("square.png"), stages = _console.PathOf("s.safetensors");
        File.WriteAllBytes(picture, Pictures.Encoded(640, 640, SKEncodedImageFormat.Png));
        Assert.Equal(ExitCode.Success, _console.Run("trace", picture, "--raw", "--out", stages, "--weights",
            weights == "formula" ? weights : Tcm.Detect.ShippedModel.Find()!));
        using var file = CheckpointFile.Open(stages);
        var rows = Page.Prose.Split('\n').Select(l => l.Split('|', StringSplitOptions.TrimEntries)).Where(c => c.Length == 6 && c[1].StartsWith('`'))
            .ToDictionary(c => c[1].Trim('`'), c => c[column + 1]);
        var shapes = file.Tensors.ToDictionary(t => t.Name, t => string.Join('x', t.Shape.Skip(1)));
        Assert.Equal(rows.Where(r => r.Value != "not there").OrderBy(r => r.Key, StringComparer.Ordinal),
            shapes.OrderBy(s => s.Key, StringComparer.Ordinal));
    }

    [Fact]
    public void A_part_that_is_left_out_changes_what_follows_it_alone()
    {
        var whole = Trace();
        var without = Trace("--without", "context-decoder");
        Assert.False(without.ContainsKey("dt"));
        Assert.Equal(whole["t"], without["t"]);
        Assert.Equal(whole["V2"], without["V2"]);
        Assert.Equal(without["t"], without["t2"]);
        Assert.NotEqual(whole["S"], without["S"]);
        Assert.Equal(ExitCode.Usage, _console.Run(Arguments("--without", "language-prompt")));
        Assert.Contains("no such part", _console.Error);
    }

    private Dictionary<string, float[]> Trace(params string[] more)
    {
        Assert.Equal(ExitCode.Success, _console.Run(Arguments(more)));
        using var file = CheckpointFile.Open(_console.PathOf("s.safetensors"));
        return file.Tensors.ToDictionary(t => t.Name, t => file.Read(t.Name));
    }

    private string[] Arguments(params string[] more) => ["trace", Pictures.Asset("sample.png"), "--raw", "--out", _console.PathOf("s.safetensors"),
        "--weights", Tcm.Detect.ShippedModel.Find()!, .. more];

    private static IEnumerable<string> Names(string folder) =>
        Directory.EnumerateFiles(folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal);

    private static void Close(string actual, string expected)
    {
        using SKBitmap a = SKBitmap.Decode(actual), b = SKBitmap.Decode(expected);
        Assert.Equal((b.Width, b.Height), (a.Width, a.Height));
        double difference = a.Pixels.Zip(b.Pixels, (p, q) => Math.Abs(p.Red - q.Red) + Math.Abs(p.Green - q.Green) + Math.Abs(p.Blue - q.Blue))
            .Average() / 3;
        Assert.True(difference <= MostMeanDifference, $"{expected}: {difference} levels away from what the command makes now");
    }
}
