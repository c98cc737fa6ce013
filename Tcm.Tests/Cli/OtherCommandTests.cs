using SkiaSharp;
using Tcm.Cli;
using Tcm.Nn.Checkpoints;
using Tcm.Tests.Support;

namespace Tcm.Tests.Cli;

/// <summary>Usage errors, and the commands that work on weight files.</summary>
public sealed class OtherCommandTests : IDisposable
{
    private readonly TestConsole _console = new() { RealDetector = true };

    public void Dispose() => _console.Dispose();

    [Theory]
    [InlineData("detect")]
    [InlineData("detect", "a.png", "--nonsense")]
    [InlineData("detect", "a.png", "--threads", "many")]
    [InlineData("detect", "a.png", "--threads", "-1")]
    [InlineData("detect", "a.png", "--threshold", "2")]
    [InlineData("detect", "a.png", "--threshold", "NaN")]
    [InlineData("detect", "a.png", "--short-side", "900", "--max-side", "800")]
    [InlineData("detect", "a.png", "--text-heads", "0")]
    [InlineData("detect", "a.png", "--json", "nowhere/at/all/out.json")]
    [InlineData("detect", "a.png", "--draw", "/dev/null/x")]
    [InlineData("convert", "a.pth")]
    [InlineData("convert", "a.pth", "a.txt")]
    [InlineData("info")]
    [InlineData("info", "formula", "--size", "100x100")]
    [InlineData("trace", "a.png")]
    [InlineData("paint")]
    public void WrongUsageGivesTwoAndNothingOnStandardOutput(params string[] arguments)
    {
        Assert.Equal(ExitCode.Usage, _console.Run(arguments));
        Assert.Empty(_console.Output);
        Assert.StartsWith("tcm: ", _console.Error);
    }

    [Fact]
    public void HelpAndDevicesGoToStandardOutput()
    {
        Assert.Equal(ExitCode.Success, _console.Run("--help"));
        Assert.Contains("detect", _console.Output);
        Assert.Equal(ExitCode.Success, _console.Run("detect", "--help"));
        Assert.Contains("--box-threshold", _console.Output);
        Assert.Equal(ExitCode.Success, _console.Run("devices"));
        Assert.Empty(_console.Error);
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("empty")]
    [InlineData("words")]
    [InlineData("oversized")]
    public void WeightsThatCannotBeReadGiveThreeAndOneLine(string kind)
    {
        string path = _console.PathOf($"{kind}.safetensors");
        if (kind != "missing")
        {
            File.WriteAllBytes(path, kind switch
            {
                "empty" => [],
                "words" => "these are no weights at all"u8.ToArray(),
                _ => [0, 0, 0, 0, 0, 0, 0, 0x40, (byte)'{', (byte)'}'],
            });
        }
        string picture = Picture();
        string[][] commands =
        [
            ["detect", picture, "--weights", path], ["info", path], ["convert", path, _console.PathOf("out.safetensors")],
            ["trace", picture, "--weights", path, "--out", _console.PathOf("stages.safetensors")],
        ];
        foreach (string[] command in commands)
        {
            Assert.Equal(ExitCode.WeightsOrDevice, _console.Run(command));
            Assert.Empty(_console.Output);
            Assert.Single(_console.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            Assert.Contains(path, _console.Error);
        }
        Assert.False(File.Exists(_console.PathOf("out.safetensors")));
    }

    [Fact]
    public void ADeviceThatIsNotThereGivesThree()
    {
        Assert.Equal(ExitCode.WeightsOrDevice, _console.Run("detect", Picture(), "--weights", "formula", "--device", "abacus"));
        Assert.Contains("abacus", _console.Error);
    }

    [Fact]
    public void TracesEveryStageOfATinyModel()
    {
        string weights = SharedData.Golden("tcm-db-tiny.pth");
        string stages = _console.PathOf("s.safetensors"), maps = _console.PathOf("maps");
        string converted = _console.PathOf("tiny.safetensors");
        string[] heads = ["--text-heads", "2", "--decoder-heads", "4"];
        Assert.Equal(ExitCode.Success, _console.Run(["convert", weights, converted, .. heads]));
        Assert.Contains("missing  nothing", _console.Output);
        Assert.Equal(ExitCode.Success, _console.Run("info", converted, "--size", "64x96", "--tensors"));
        Assert.Contains("multiply-adds at 64x96", _console.Output);
        Assert.Equal(ExitCode.Success, _console.Run("trace", Picture(), "--weights", converted, "--raw", "--out", stages, "--png",
            maps));
        using var file = CheckpointFile.Open(stages);
        Assert.Equal([1, 3, 64, 96], file.Find("input")!.Shape);
        foreach (string name in (string[])["x0", "x1", "x2", "x3", "g", "V", "S", "P", "T", "B"])
        {
            Assert.NotNull(file.Find(name));
            Assert.True(File.Exists(Path.Combine(maps, name == "T" ? "T-upper.png" : $"{name}.png")), name);
        }
        Assert.Equal(ExitCode.Success, _console.Run("detect", Picture(), "--weights", weights, "--json", "-", heads[0], heads[1],
            heads[2], heads[3], "--short-side", "64"));
        Assert.StartsWith("[{", _console.Output);
    }

    private string Picture()
    {
        string path = _console.PathOf("a.png");
        File.WriteAllBytes(path, Pictures.Encoded(90, 60, SKEncodedImageFormat.Png));
        return path;
    }
}
