using System.Diagnostics;
using System.Text.Json.Nodes;
using Tcm.Cli;

namespace Tcm.Tests.Cli;

/// <summary>What a program built with <c>TcmGpu</c> = false does, as trimmed ones are: the property ends up as the switch
/// <c>Tcm.Gpu</c> in the program's runtime configuration.</summary>
public sealed class GpuSwitchTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-gpu-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task WithoutGpusOnlyTheCpuIsThereAndNothingReplacesTheDeviceThatWasAskedFor()
    {
        var (code, output, _) = await Run("devices");
        Assert.Equal(ExitCode.Success, code);
        Assert.Contains("cpu", output);
        Assert.DoesNotContain("cuda", output);
        Assert.DoesNotContain("opencl", output);

        foreach (string device in (string[])["cuda:0", "opencl:1"])
        {
            (code, _, string error) = await Run("detect", Pictures.Asset("sample.png"), "--device", device);
            Assert.Equal(ExitCode.WeightsOrDevice, code);
            Assert.StartsWith($"tcm: {device}: this program was built without GPUs", error);
        }
        (code, output, _) = await Run("detect", Pictures.Asset("sample.png"), "--device", "auto", "--short-side", "128");
        Assert.Equal(ExitCode.Success, code);
        Assert.Contains("640x400", output);
    }

    private async Task<(int Code, string Output, string Error)> Run(params string[] arguments)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "tcm.dll");
        var config = JsonNode.Parse(File.ReadAllText(Path.ChangeExtension(program, ".runtimeconfig.json")))!;
        config["runtimeOptions"]!["configProperties"]!["Tcm.Gpu"] = false;
        string file = Path.Combine(_folder, "tcm.runtimeconfig.json");
        File.WriteAllText(file, config.ToJsonString());
        using var process = Process.Start(new ProcessStartInfo("dotnet", ["exec", "--runtimeconfig", file, program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        return await ExecutableTests.Finish(process);
    }
}
