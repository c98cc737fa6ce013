using System.Text.Json;
using SkiaSharp;
using Tcm.Cli;
using Tcm.Detect;
using Tcm.Detect.Heads.Db;
using Tcm.Kernels;
using Tcm.Nn.Checkpoints;

namespace Tcm.Tests.Cli;

/// <summary>tcm detect, with a detector that needs no weights.</summary>
public sealed class DetectCommandTests : IDisposable
{
    private readonly TestConsole _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void WritesOneJsonObjectPerInputInOrder()
    {
        string b = Picture("b.png", 30, 20), bad = Text("bad.jpg"), a = Picture("a.jpg", 40, 25);
        int code = Detect(b, bad, "missing.png", a, "--json", "-");
        Assert.Equal(ExitCode.InputsFailed, code);
        using var json = JsonDocument.Parse(_console.Output);
        var results = json.RootElement.EnumerateArray().ToList();
        Assert.Equal([b, bad, "missing.png", a], results.Select(r => r.GetProperty("image").GetString()!));
        Assert.Equal(["image", "width", "height", "regions", "milliseconds"], Names(results[0]));
        Assert.Equal(["image", "error"], Names(results[1]));
        Assert.Equal(["image", "error"], Names(results[2]));
        Assert.Equal($"{bad}: not a JPEG, PNG, WebP or BMP picture", results[1].GetProperty("error").GetString());
        Assert.Equal(30, results[0].GetProperty("width").GetInt32());
        Assert.Equal(25, results[3].GetProperty("height").GetInt32());
        var region = results[0].GetProperty("regions")[0];
        Assert.Equal(["polygon", "quad", "score"], Names(region));
        Assert.Equal("[[1.25,2],[20,2],[20,10],[1.25,10]]", region.GetProperty("polygon").GetRawText());
        Assert.Equal(4, region.GetProperty("quad").GetArrayLength());
        Assert.Equal(0.5, region.GetProperty("score").GetDouble());
        Assert.Equal(["decode", "preprocess", "network", "postprocess", "total"], Names(results[0].GetProperty("milliseconds")));
        Assert.Equal(2, _console.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void WritesOneLinePerPictureWithoutJson()
    {
        string picture = Picture("a.png", 30, 20);
        Assert.Equal(ExitCode.Success, Detect(picture));
        Assert.StartsWith($"{picture}: 1 region, 30x20, ", _console.Output);
        Assert.Empty(_console.Error);
    }

    [Fact]
    public void FileAppearsOnlyWhenComplete()
    {
        string json = _console.PathOf("out.json");
        File.WriteAllText(json, "before");
        _console.Detector = (image, _) =>
        {
            Assert.Equal("before", File.ReadAllText(json));
            return TestConsole.OneRegion(image);
        };
        Assert.Equal(ExitCode.Success, Detect(Picture("a.png", 30, 20), "--json", json));
        Assert.Empty(_console.Output);
        Assert.Equal(1, JsonDocument.Parse(File.ReadAllText(json)).RootElement.GetArrayLength());
        _console.Detector = (_, _) => throw new InvalidOperationException("a mistake\nwith two lines");
        string after = File.ReadAllText(json);
        Assert.Equal(ExitCode.Internal, Detect(_console.PathOf("a.png"), "--json", json));
        Assert.Equal(after, File.ReadAllText(json));
        Assert.Empty(Directory.GetFiles(_console.Folder, "*.tmp"));
        Assert.Equal("tcm: unexpected InvalidOperationException: a mistake with two lines (--verbose shows where)\n",
            _console.Error.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void ExpandsFoldersAndPatterns()
    {
        Directory.CreateDirectory(_console.PathOf("in", "deep", "er"));
        string second = Picture("in/b.PNG", 8, 8), first = Picture("in/a.jpg", 8, 8);
        string deep = Picture("in/deep/c.png", 8, 8), deeper = Picture("in/deep/er/d.png", 8, 8);
        Text("in/labels.txt");
        Assert.Equal([first, second], Images(_console.PathOf("in")));
        Assert.Equal([first, second], Images(_console.PathOf("in", "*")));
        Assert.Equal([first], Images(_console.PathOf("in", "?.jpg")));
        Assert.Equal([deep, deeper], Images(_console.PathOf("in", "**", "*.png")));
        Assert.Equal([first, second, deep, deeper], Images(_console.PathOf("in", "**")));
        Assert.Equal([deep], Images(_console.PathOf("i*", "d*", "*.png")));
        Assert.Equal([deep, first], Images(deep, first));
        Assert.Equal([first, second, deep, deeper], Images(_console.PathOf("in"), "--recursive"));
    }

    [Theory]
    [InlineData("*.webp")]
    [InlineData("nowhere/**/*.png")]
    [InlineData("empty")]
    public void WhatMatchesNothingIsAFailedInput(string argument)
    {
        Directory.CreateDirectory(_console.PathOf("empty"));
        Assert.Equal(ExitCode.InputsFailed, Detect(_console.PathOf(argument), Picture("a.png", 8, 8), "--json", "-"));
        using var json = JsonDocument.Parse(_console.Output);
        Assert.Equal(["image", "error"], Names(json.RootElement[0]));
        Assert.Equal(2, json.RootElement.GetArrayLength());
    }

    [Fact]
    public void DrawnPicturesHaveNamesOfTheirOwn()
    {
        Directory.CreateDirectory(_console.PathOf("x"));
        string a = Picture("a.png", 30, 20), other = Picture("x/a.png", 32, 20), jpeg = Picture("x/a.jpg", 34, 20);
        byte[] before = File.ReadAllBytes(a);
        Assert.Equal(ExitCode.Success, Detect(a, other, jpeg, a, "--draw", _console.Folder));
        Assert.Equal(before, File.ReadAllBytes(a));
        Assert.Equal(["a-2.png", "a-3.png", "a-4.png", "a.jpg", "a.png"],
            Directory.GetFiles(_console.Folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        using var drawn = SKBitmap.Decode(_console.PathOf("a-2.png"));
        Assert.Equal((30, 20), (drawn.Width, drawn.Height));
        var outline = drawn.GetPixel(10, 10);
        Assert.True(outline.Green > outline.Red && outline.Green > outline.Blue, $"{outline}");
    }

    [Fact]
    public void AnImageThatFailsInTheNetworkDoesNotStopTheOthers()
    {
        string a = Picture("a.png", 8, 8), b = Picture("b.png", 9, 8);
        _console.Detector = (image, _) => image.Width == 8 ? throw new TcmException("too odd") : TestConsole.OneRegion(image);
        Assert.Equal(ExitCode.InputsFailed, Detect(a, b));
        Assert.Equal($"tcm: {a}: too odd", _console.Error.Trim());
        Assert.StartsWith(b, _console.Output);
    }

    [Fact]
    public void CtrlCKeepsWhatIsFinished()
    {
        using var stop = new CancellationTokenSource();
        _console.InterruptAt(9, stop);
        string json = _console.PathOf("out.json");
        int code = _console.Run(stop.Token, "detect", Picture("a.png", 8, 8), Picture("b.png", 9, 8), Picture("c.png", 8, 8),
            "--weights", "w", "--json", json);
        Assert.Equal(ExitCode.Interrupted, code);
        Assert.Equal(1, JsonDocument.Parse(File.ReadAllText(json)).RootElement.GetArrayLength());
    }

    [Fact]
    public void WeightsAndDevicesThatFailGiveThree()
    {
        string picture = Picture("a.png", 8, 8);
        _console.OnOpen = (_, _) => throw new WeightFormatException("w: broken");
        Assert.Equal(ExitCode.WeightsOrDevice, Detect(picture));
        Assert.Equal("tcm: w: broken", _console.Error.Trim());
        _console.OnOpen = (_, _) => throw new DeviceException("no such device");
        Assert.Equal(ExitCode.WeightsOrDevice, Detect(picture));
        _console.OnOpen = (_, _) => { };
        _console.Detector = (_, _) => throw new DeviceException("out of memory");
        Assert.Equal(ExitCode.WeightsOrDevice, Detect(picture, "--json", "-"));
        Assert.Equal(0, JsonDocument.Parse(_console.Output).RootElement.GetArrayLength());
    }

    [Fact]
    public void WithoutWeightsSaysHowToGetThem()
    {
        string picture = Picture("a.png", 8, 8);
        Assert.Equal(ExitCode.WeightsOrDevice, _console.Run("detect", picture));
        Assert.Contains("tcm convert", _console.Error);
        Assert.Contains("--weights formula", _console.Error);
        string given = "";
        _console.OnOpen = (weights, _) => given = weights;
        File.WriteAllText(_console.PathOf(ShippedModel.FileName), "");
        Assert.Equal(ExitCode.Success, _console.Run("detect", picture));
        Assert.Equal(_console.PathOf(ShippedModel.FileName), given);
    }

    [Fact]
    public void OptionsReachTheDetector()
    {
        TextDetectorOptions? seen = null;
        _console.OnOpen = (_, options) => seen = options;
        Assert.Equal(ExitCode.Success, Detect(Picture("a.png", 8, 8), "--device", "cuda:1", "--threads", "3", "--short-side",
            "640", "--max-side", "1280", "--threshold", "0.4", "--box-threshold", "0.6", "--min-side", "3", "--unclip", "1.5",
            "--max-candidates", "10", "--simplify", "0", "--polygons", "--filter-small-polygons", "--text-heads", "2",
            "--decoder-heads", "1"));
        Assert.Equal(("cuda:1", 3, 640, 1280, 2, 1), (seen!.Device, seen.Threads, seen.ShortSide, seen.MaxSide,
            seen.TextHeads!.Value, seen.DecoderHeads!.Value));
        var db = (DbPostProcessingOptions)new DbPostProcessingOptions().With(seen.PostProcessingSettings, "db");
        Assert.Equal((0.4f, 0.6f, 3f, 1.5f, 10, false, true, true), (db.BinaryThreshold, db.BoxThreshold, db.MinSide,
            db.UnclipRatio, db.MaxCandidates, db.Simplify, db.Polygons, db.FilterSmallPolygons));
        Detect("a.png");
        Assert.Empty(seen.PostProcessingSettings);
        Assert.Equal(new TextDetectorOptions(), seen with { PostProcessingSettings = new TextDetectorOptions().PostProcessingSettings });
    }

    private int Detect(params string[] arguments) => _console.Run(["detect", "--weights", "w", .. arguments]);

    private string[] Images(params string[] inputs)
    {
        Assert.Equal(ExitCode.Success, Detect([.. inputs, "--json", "-"]));
        using var json = JsonDocument.Parse(_console.Output);
        return [.. json.RootElement.EnumerateArray().Select(r => r.GetProperty("image").GetString()!)];
    }

    private static IEnumerable<string> Names(JsonElement element) => element.EnumerateObject().Select(p => p.Name);

    private string Picture(string name, int width, int height)
    {
        string path = _console.PathOf(name);
        File.WriteAllBytes(path, Pictures.Encoded(width, height,
            name.EndsWith("jpg", StringComparison.Ordinal) ? SKEncodedImageFormat.Jpeg : SKEncodedImageFormat.Png));
        return path;
    }

    private string Text(string name)
    {
        string path = _console.PathOf(name);
        File.WriteAllText(path, "words");
        return path;
    }
}
