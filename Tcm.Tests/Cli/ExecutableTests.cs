using System.Diagnostics;
using SkiaSharp;
using Tcm.Cli;

namespace Tcm.Tests.Cli;

/// <summary>The real program in a process of its own: its streams, exit codes and signals.</summary>
public sealed class ExecutableTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-exe-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task ExitCodesAndStreamsAreThoseOfTheShell()
    {
        string picture = Picture("a.png", 8);
        var (code, output, error) = await Run("--version");
        Assert.Equal(ExitCode.Success, code);
        Assert.Matches(@"^\d+\.\d+", output);
        Assert.Empty(error);

        (code, output, error) = await Run("detect", picture, "--threads", "-3");
        Assert.Equal(ExitCode.Usage, code);
        Assert.Empty(output);
        Assert.StartsWith("tcm: --threads", error);

        (code, output, error) = await Run("detect", picture, "--weights", Path.Combine(_folder, "none.pth"), "--json", "-");
        Assert.Equal(ExitCode.WeightsOrDevice, code);
        Assert.Empty(output);
        Assert.Single(Lines(error));
    }

    [Fact]
    public async Task InterruptKeepsWhatIsFinishedAndGives130()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals of Unix");
        Assert.SkipWhen(InterruptIsIgnored(), "this process was started with SIGINT ignored (in the background), and so are its children");
        string drawn = Path.Combine(_folder, "drawn");
        // More work than any machine does before the signal comes.
        string picture = Picture("a.png", 64);
        using var process = Start(["detect", .. Enumerable.Repeat(picture, 5000), "--weights", "formula", "--short-side", "64",
            "--threads", "1", "--draw", drawn]);
        Assert.StartsWith(picture, await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(120)));
        using (var kill = Process.Start("kill", ["-INT", $"{process.Id}"]))
        {
            await kill.WaitForExitAsync();
        }
        var rest = process.StandardOutput.ReadToEndAsync();
        string error = await process.StandardError.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(60));
        await rest;
        await process.WaitForExitAsync();
        Assert.Equal(ExitCode.Interrupted, process.ExitCode);
        Assert.Equal("tcm: interrupted; the results so far are kept", Assert.Single(Lines(error)));
        Assert.NotEmpty(Directory.GetFiles(drawn, "*.png"));
        Assert.Empty(Directory.GetFiles(drawn, "*.tmp"));
    }

    /// <summary>Bit 1 of the mask of ignored signals, which child processes inherit.</summary>
    private static bool InterruptIsIgnored() => File.Exists("/proc/self/status")
        && File.ReadLines("/proc/self/status").First(l => l.StartsWith("SigIgn:", StringComparison.Ordinal)) is var mask
        && (Convert.ToUInt64(mask["SigIgn:".Length..].Trim(), 16) & 2) != 0;

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "tcm.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    private static async Task<(int Code, string Output, string Error)> Run(params string[] arguments)
    {
        using var process = Start(arguments);
        return await Finish(process);
    }

    /// <summary>Waits for a process whose output and error are redirected.</summary>
    internal static async Task<(int Code, string Output, string Error)> Finish(Process process)
    {
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(120));
        return (process.ExitCode, await output, await error);
    }

    private string Picture(string name, int side)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, Pictures.Encoded(side, side, SKEncodedImageFormat.Png));
        return path;
    }
}
