using System.Text.Json;
using SkiaSharp;
using Tcm.Cli;
using Tcm.Cli.Images;
using Tcm.Tests.Cli;

namespace Tcm.Tests.Synthesis;

/// <summary><c>tcm synth</c> from its command line to the files.</summary>
public sealed class SynthCommandTests : IDisposable
{
    private readonly TestConsole _console = new();

    public void Dispose() => _console.Dispose();

    [Theory]
    [InlineData("word", "png", 4)]
    [InlineData("line", "jpg", 1)]
    public void Synth_writesTheSameBytesWhateverTheNumberOfThreads(string level, string format, int threads)
    {
        SystemFonts.Require();
        string pictures = _console.PathOf("pictures");
        Directory.CreateDirectory(pictures);
        File.WriteAllBytes(Path.Combine(pictures, "a.png"), Pictures.Encoded(700, 500, SKEncodedImageFormat.Png));
        File.WriteAllBytes(Path.Combine(pictures, "b.jpg"), Pictures.Encoded(120, 90, SKEncodedImageFormat.Jpeg));
        string[] options = ["--count", "6", "--seed", "42", "--size", "320x240", "--level", level, "--format", format,
            "--backgrounds", pictures];
        string one = _console.PathOf("one"), other = _console.PathOf("other"), drawn = _console.PathOf("drawn");
        Assert.Equal(ExitCode.Success, _console.Run(["synth", one, .. options, "--threads", "2", "--draw", drawn]));
        Assert.Equal(ExitCode.Success, _console.Run(["synth", other, .. options, "--threads", $"{threads}"]));
        Assert.Empty(_console.Output);
        var files = Directory.GetFiles(one).Select(path => Path.GetFileName(path)).Order().ToArray();
        Assert.Equal(["labels.jsonl", .. Enumerable.Range(0, 6).Select(i => $"scene-{i:D6}.{format}")], files);
        Assert.All(files, file => Assert.Equal(File.ReadAllBytes(Path.Combine(one, file)),
            File.ReadAllBytes(Path.Combine(other, file))));
        Assert.Equal(6, Directory.GetFiles(drawn).Length);
        int texts = 0;
        foreach (string line in File.ReadLines(Path.Combine(one, "labels.jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            var image = ImageFile.Read(Path.Combine(one, json.RootElement.GetProperty("image").GetString()!));
            Assert.Equal((320, 240), (image.Width, image.Height));
            foreach (var text in json.RootElement.GetProperty("texts").EnumerateArray())
            {
                texts++;
                Assert.True(text.GetProperty("polygon").GetArrayLength() >= 4);
                Assert.All(text.GetProperty("polygon").EnumerateArray(), point => Assert.Equal(2, point.GetArrayLength()));
                Assert.True(text.GetProperty("ignore").ValueKind is JsonValueKind.True or JsonValueKind.False);
                Assert.NotEmpty(text.GetProperty("text").GetString()!);
            }
        }
        Assert.True(texts > 0);
    }

    [Theory]
    [InlineData("--size", "640")]
    [InlineData("--size", "10x640")]
    [InlineData("--size", "640x-480")]
    [InlineData("--size", "640x99999")]
    [InlineData("--level", "paragraph")]
    [InlineData("--format", "gif")]
    [InlineData("--count", "0")]
    public void Synth_refusesBadOptionsWithTheUsageCode(string option, string value)
    {
        string folder = _console.PathOf("out");
        Assert.Equal(ExitCode.Usage, _console.Run("synth", folder, option, value));
        Assert.Contains(value, _console.Error);
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public void Synth_namesTheFolderThatHasNoFontsOrNoPictures()
    {
        string empty = _console.PathOf("empty"), folder = _console.PathOf("out");
        Directory.CreateDirectory(empty);
        Assert.Equal(ExitCode.InputsFailed, _console.Run("synth", folder, "--fonts", empty));
        Assert.Contains(empty, _console.Error);
        Assert.Contains("install", _console.Error);
        SystemFonts.Require();
        Assert.Equal(ExitCode.InputsFailed, _console.Run("synth", folder, "--backgrounds", empty));
        Assert.Contains(empty, _console.Error);
        Assert.False(Directory.Exists(folder));
    }
}
