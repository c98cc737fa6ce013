using System.Text.Json;

namespace Tcm.Tests.Cli;

/// <summary>Checks what the README's main command wrote; .ci/run names the file in TCM_CI_JSON.</summary>
public sealed class ReadmeCommandTests
{
    [Fact]
    public void TheJsonOfTheMainCommandIsSound()
    {
        string? path = Environment.GetEnvironmentVariable("TCM_CI_JSON");
        Assert.SkipWhen(path is null, "only .ci/run runs the command");
        using var json = JsonDocument.Parse(File.ReadAllBytes(path!));
        var picture = Assert.Single(json.RootElement.EnumerateArray());
        Assert.Equal("Tcm.Tests/Assets/sample.png", picture.GetProperty("image").GetString());
        Assert.Equal((640, 400), (picture.GetProperty("width").GetInt32(), picture.GetProperty("height").GetInt32()));
        Assert.True(picture.GetProperty("milliseconds").GetProperty("total").GetDouble() > 0);
        foreach (var region in picture.GetProperty("regions").EnumerateArray())
        {
            Assert.InRange(region.GetProperty("score").GetDouble(), 0, 1);
            Assert.Equal(4, region.GetProperty("quad").GetArrayLength());
            Assert.True(region.GetProperty("polygon").GetArrayLength() >= 4);
            Assert.All(region.GetProperty("polygon").EnumerateArray(), point => Assert.Equal(2, point.GetArrayLength()));
        }
    }
}
