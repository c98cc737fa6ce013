using System.Text.Json;
using SkiaSharp;
using Tcm.Cli;
using Tcm.Cli.Inputs;

namespace Tcm.Tests.Cli;

/// <summary>tcm detect --shard and --json-lines, with a detector that needs no weights.</summary>
public sealed class ShardTests : IDisposable
{
    private readonly TestConsole _console = new();
    private readonly List<int> _widths = [];

    public ShardTests() => _console.Detector = (image, _) =>
    {
        _widths.Add(image.Width);
        return TestConsole.OneRegion(image);
    };

    public void Dispose() => _console.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(20)]
    public void ShardsShareOutAllPicturesWhateverTheirOrder(int count)
    {
        var pictures = Enumerable.Range(0, 11).Select(i => Picture($"{i * 37 % 11:x}.png", 8 + i)).ToList();
        var all = new List<string>();
        for (int index = 0; index < count; index++)
        {
            string file = _console.PathOf($"{count}-{index}.jsonl");
            Assert.Equal(ExitCode.Success, Detect(_console.Folder, "--shard", $"{index}/{count}", "--json-lines", file));
            var here = Images(file);
            // Every count-th of the sorted list.
            Assert.Equal(pictures.Order(StringComparer.Ordinal).Where((_, i) => i % count == index), here);
            all.AddRange(here);
            // The same pictures named in another order, one of them twice.
            string again = _console.PathOf($"{count}-{index}-again.jsonl");
            string[] shuffled = [pictures[4], .. pictures.AsEnumerable().Reverse()];
            Assert.Equal(ExitCode.Success, Detect([.. shuffled, "--shard", $"{index}/{count}", "--json-lines", again]));
            Assert.Equal(here, Images(again));
        }
        Assert.Equal(pictures.Order(StringComparer.Ordinal), all.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("4/4")]
    [InlineData("0/0")]
    [InlineData("-1/4")]
    [InlineData("1")]
    [InlineData("1/2/3")]
    [InlineData("a/b")]
    [InlineData("1/")]
    [InlineData("1/99999999999")]
    [InlineData(" 1/2")]
    public void ABadShardIsAUsageError(string shard)
    {
        Assert.Null(Shard.Parse(shard));
        Assert.Equal(ExitCode.Usage, Detect(Picture("a.png", 8), "--shard", shard));
        Assert.StartsWith($"tcm: --shard must be I/N with 0 <= I < N, such as 0/8, not {shard}", _console.Error);
        Assert.Empty(_widths);
    }

    [Fact]
    public void JsonAndJsonLinesExcludeEachOther()
    {
        Assert.Equal(ExitCode.Usage, Detect(Picture("a.png", 8), "--json", "-", "--json-lines", _console.PathOf("a.jsonl")));
        Assert.False(File.Exists(_console.PathOf("a.jsonl")));
    }

    [Fact]
    public void ALineHasTheMembersOfTheArraysObjects()
    {
        string picture = Picture("a.png", 30), file = _console.PathOf("a.jsonl");
        Assert.Equal(ExitCode.Success, Detect(picture, "--json-lines", file));
        Assert.Empty(_console.Output);
        string line = Assert.Single(File.ReadAllLines(file));
        Assert.EndsWith("\n", File.ReadAllText(file));
        Detect(picture, "--json", "-");
        using JsonDocument one = JsonDocument.Parse(line), other = JsonDocument.Parse(_console.Output);
        Assert.Equal(other.RootElement[0].GetProperty("regions").GetRawText(), one.RootElement.GetProperty("regions").GetRawText());
        Assert.Equal(other.RootElement[0].EnumerateObject().Select(p => p.Name), one.RootElement.EnumerateObject().Select(p => p.Name));
    }

    /// <summary>Kills leave any prefix of the file; whichever it is, the next run ends with the file of an uninterrupted one.</summary>
    [Fact]
    public void AnyCutOfTheFileIsMadeWhole()
    {
        string[] pictures = [Picture("a.png", 8), Picture("b.png", 9), Picture("c.png", 10)];
        string file = _console.PathOf("a.jsonl");
        Detect([.. pictures, "--json-lines", file]);
        byte[] whole = File.ReadAllBytes(file);
        var lineEnds = Enumerable.Range(0, whole.Length).Where(i => whole[i] == '\n').Select(i => i + 1).ToList();
        Assert.Equal(3, lineEnds.Count);
        for (int length = 0; length <= whole.Length; length += length is > 20 and < 200 ? 7 : 1)
        {
            File.WriteAllBytes(file, whole[..length]);
            _widths.Clear();
            Assert.Equal(ExitCode.Success, Detect([.. pictures, "--json-lines", file]));
            int kept = lineEnds.Count(end => end <= length);
            Assert.Equal(Enumerable.Range(8, 3).Skip(kept), _widths);
            Assert.Equal(pictures, Images(file));
            Assert.Equal(whole[..(kept == 0 ? 0 : lineEnds[kept - 1])],
                File.ReadAllBytes(file)[..(kept == 0 ? 0 : lineEnds[kept - 1])]);
        }
    }

    [Fact]
    public void WhatIsThereIsNotDoneAgainAndNeedsNoModel()
    {
        string a = Picture("a.png", 8), b = Picture("b.png", 9), file = _console.PathOf("a.jsonl");
        Assert.Equal(ExitCode.InputsFailed, Detect(a, "missing.png", "--json-lines", file));
        Assert.Equal(ExitCode.InputsFailed, Detect(a, "missing.png", b, "--json-lines", file));
        Assert.Contains("2 of 3 pictures are there already", _console.Error);
        Assert.Equal([8, 9], _widths);
        Assert.Equal([a, "missing.png", b], Images(file));
        _console.OnOpen = (_, _) => Assert.Fail("nothing is left to detect");
        // A failure stays one, if it is among the inputs.
        Assert.Equal(ExitCode.InputsFailed, Detect(a, "missing.png", b, "--json-lines", file));
        Assert.Equal(ExitCode.Success, Detect(a, b, "--json-lines", file));
        // So does an empty part.
        Assert.Equal(ExitCode.Success, Detect(a, "--shard", "1/2", "--json-lines", _console.PathOf("empty.jsonl")));
        Assert.Empty(File.ReadAllBytes(_console.PathOf("empty.jsonl")));
    }

    [Fact]
    public void AnInterruptKeepsWhatIsFinished()
    {
        using var stop = new CancellationTokenSource();
        _console.InterruptAt(9, stop);
        string a = Picture("a.png", 8), b = Picture("b.png", 9), file = _console.PathOf("a.jsonl");
        Assert.Equal(ExitCode.Interrupted, _console.Run(stop.Token, "detect", a, b, "--weights", "w", "--json-lines", file));
        Assert.Equal([a], Images(file));
        _console.Detector = (image, _) => TestConsole.OneRegion(image);
        Assert.Equal(ExitCode.Success, Detect(a, b, "--json-lines", file));
        Assert.Equal([a, b], Images(file));
    }

    [Theory]
    [InlineData("some notes")]
    [InlineData("some notes\nof mine\n")]
    [InlineData("{\"image\":\"a.png\"}\n[1,2]\n")]
    [InlineData("{\"image\":7}\n")]
    [InlineData("{\"image\":\"a\\ud800\"}\n")]
    [InlineData("\n")]
    public void AnotherFileIsLeftAlone(string text)
    {
        string file = _console.PathOf("notes.txt");
        File.WriteAllText(file, text);
        Assert.Equal(ExitCode.Usage, Detect(Picture("a.png", 8), "--json-lines", file));
        Assert.Contains("is not a result of 'tcm detect'; the file is left as it is", _console.Error);
        Assert.Equal(text, File.ReadAllText(file));
        Assert.Empty(_widths);
    }

    [Fact]
    public void PlacesThatCannotBeWrittenAreSaid()
    {
        string picture = Picture("a.png", 8);
        Assert.Equal(ExitCode.Usage, Detect(picture, "--json-lines", _console.PathOf("none", "a.jsonl")));
        Assert.Contains("a.jsonl: cannot be written: there is no such folder", _console.Error);
        Assert.Equal(ExitCode.Usage, Detect(picture, "--json-lines", _console.Folder));
        Assert.Contains("is a folder", _console.Error);
        using var other = new FileStream(_console.PathOf("b.jsonl"), FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        Assert.Equal(ExitCode.Usage, Detect(picture, "--json-lines", _console.PathOf("b.jsonl")));
        Assert.Contains("b.jsonl: cannot be written: ", _console.Error);
        Assert.Empty(_widths);
    }

    [Fact]
    public void DrawnPicturesKeepTheirNamesWhenARunGoesOn()
    {
        Directory.CreateDirectory(_console.PathOf("x"));
        string a = Picture("a.png", 8), other = Picture("x/a.png", 9);
        string file = _console.PathOf("a.jsonl"), drawn = _console.PathOf("drawn");
        Detect(a, "--json-lines", file, "--draw", drawn);
        Detect(a, other, "--json-lines", file, "--draw", drawn);
        Assert.Equal(["a-2.png", "a.png"], Directory.GetFiles(drawn).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        using var second = SKBitmap.Decode(Path.Combine(drawn, "a-2.png"));
        Assert.Equal(9, second.Width);
    }

    private int Detect(params string[] arguments) => _console.Run(["detect", "--weights", "w", .. arguments]);

    private static List<string> Images(string file) => [.. File.ReadLines(file).Select(line =>
    {
        using var json = JsonDocument.Parse(line);
        return json.RootElement.GetProperty("image").GetString()!;
    })];

    private string Picture(string name, int width)
    {
        string path = _console.PathOf(name);
        File.WriteAllBytes(path, Pictures.Encoded(width, 8, SKEncodedImageFormat.Png));
        return path;
    }
}
