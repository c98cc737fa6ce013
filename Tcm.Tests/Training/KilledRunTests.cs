using System.Diagnostics;
using Tcm.Bench.Reliability;
using Tcm.Cli;

namespace Tcm.Tests.Training;

/// <summary><c>tcm train</c> in a process that is killed, has no room, or may not write; <c>Tcm.Bench -- kills</c> does the first fifty times.</summary>
public sealed class KilledRunTests
{
    [Fact]
    public void A_run_that_is_killed_at_random_moments_ends_with_the_same_bits()
    {
        using var training = new KilledTraining(Environment.TickCount, width: 8);
        for (int i = 0; i < 4; i++)
        {
            var kill = training.KillOnce(whileWriting: i % 2 == 1);
            Assert.InRange(kill.Lost, 0, KilledTraining.Interval);
        }
        var (steps, equal) = training.FinishBoth(KilledTraining.Interval);
        Assert.True(equal, $"another state after {steps} steps");
    }

    [Fact]
    public async Task A_full_disk_is_named_and_leaves_the_state_before()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "limits of Unix");
        using var training = new KilledTraining(1, width: 8);
        training.FinishBoth(KilledTraining.Interval);
        byte[] before = File.ReadAllBytes(training.State);
        // No file may become longer than half a state; the runtime's own double mapping of code would be longer.
        var command = training.Command(training.Run, 1000);
        var limited = Wrap(command, "bash", "-c", $"trap '' XFSZ; ulimit -f {before.Length / 2048}; exec \"$@\"", "bash");
        limited.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        string error = await Fails(limited, ExitCode.WeightsOrDevice);
        Assert.Contains($"{training.State}: cannot be written", error);
        Assert.Equal(before, File.ReadAllBytes(training.State));
        Assert.Empty(Directory.GetFiles(training.Run, "*.tmp"));
    }

    [Fact]
    public async Task A_folder_that_may_not_be_written_to_is_named()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/setpriv"), "needs setpriv, to give root's rights away");
        Assert.SkipUnless(Environment.UserName == "root", "is root's rights that are given away");
        using var training = new KilledTraining(1, width: 8);
        training.FinishBoth(KilledTraining.Interval);
        byte[] before = File.ReadAllBytes(training.State);
        string root = Path.GetDirectoryName(training.Run)!;
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(root, (UnixFileMode)Convert.ToInt32("755", 8));
        }
        foreach (string run in (string[])[training.Run, Path.Combine(root, "another")])
        {
            var command = Wrap(training.Command(run, 1000), "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups");
            command.Environment["HOME"] = "/nonexistent";
            command.Environment["DOTNET_CLI_HOME"] = "/nonexistent";
            string error = await Fails(command, null);
            Assert.Contains($"{run}", error);
            Assert.Contains("cannot be written", error);
            Assert.DoesNotContain("unexpected", error);
        }
        Assert.Equal(before, File.ReadAllBytes(training.State));
    }

    private static ProcessStartInfo Wrap(ProcessStartInfo command, string program, params string[] arguments) =>
        new(program, [.. arguments, command.FileName, .. command.ArgumentList]) { RedirectStandardError = true };

    /// <summary>Its messages, of which the last one is a line of tcm's.</summary>
    private static async Task<string> Fails(ProcessStartInfo start, int? expected)
    {
        using var process = Process.Start(start)!;
        string error = await process.StandardError.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(3));
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode != 0 && (expected is null || process.ExitCode == expected), $"exit code {process.ExitCode}: {error}");
        return error;
    }
}
