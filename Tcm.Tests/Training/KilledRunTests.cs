using System.Diagnostics;
using System.Globalization;
using SkiaSharp;
using Tcm.Cli;
using Tcm.Nn.Checkpoints;
using Tcm.Tests.Cli;

namespace Tcm.Tests.Training;

/// <summary><c>tcm train</c> in a process that is killed and resumed.</summary>
public sealed class KilledRunTests : IDisposable
{
    private const int Steps = 120, Kills = 4;
    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-kill-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_run_that_is_killed_at_random_moments_ends_with_the_same_bits()
    {
        string recipe = Recipe();
        using (var whole = Start(recipe, "whole"))
        {
            Assert.Equal(ExitCode.Success, await Exit(whole));
        }
        var random = new Random();
        string killed = Path.Combine(_folder, "killed"), state = Path.Combine(killed, "state.safetensors");
        int reached = 0, kills = 0;
        bool done = false;
        while (!done)
        {
            using var process = Start(recipe, "killed", File.Exists(state) ? ["--resume"] : []);
            // From the moment when it has begun to compute, so that a slow start is not all that is killed.
            bool computing = await process.StandardError.ReadLineAsync() is not null;
            var rest = process.StandardError.ReadToEndAsync();
            if (computing && kills < Kills)
            {
                await Task.Delay(random.Next(50, 900));
                process.Kill();
                kills++;
            }
            int code = await Exit(process);
            Assert.True(code == ExitCode.Success || kills > 0, await rest);
            done = code == ExitCode.Success;
            if (File.Exists(state))
            {
                int step = StepOf(state);
                Assert.InRange(step, reached, Steps);
                Assert.Equal(0, step % 5);
                reached = step;
            }
        }
        Assert.Equal(Steps, reached);
        Assert.Equal(File.ReadAllBytes(Path.Combine(_folder, "whole", "state.safetensors")), File.ReadAllBytes(state));
        Assert.Empty(Directory.GetFiles(killed, "*.tmp"));
        string[] log = File.ReadAllLines(Path.Combine(killed, "log.csv"));
        Assert.Equal(Enumerable.Range(1, Steps).Select(i => i.ToString(CultureInfo.InvariantCulture)), log.Skip(1).Select(l => l.Split(',')[0]));
    }

    private static int StepOf(string state)
    {
        using var file = CheckpointFile.Open(state);
        return int.Parse(file.Metadata["tcm.step"], CultureInfo.InvariantCulture);
    }

    private static async Task<int> Exit(Process process)
    {
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(180));
        return process.ExitCode;
    }

    private Process Start(string recipe, string to, params string[] more) => Process.Start(new ProcessStartInfo("dotnet",
        [Path.Combine(AppContext.BaseDirectory, "tcm.dll"), "train", recipe, "--out", Path.Combine(_folder, to), .. more])
    {
        RedirectStandardError = true,
        RedirectStandardOutput = true,
    })!;

    private string Recipe()
    {
        string data = Directory.CreateDirectory(Path.Combine(_folder, "data")).FullName;
        for (int i = 1; i <= 3; i++)
        {
            File.WriteAllBytes(Path.Combine(data, $"img_{i}.png"), Pictures.Encoded(64, 64, SKEncodedImageFormat.Png));
            File.WriteAllText(Path.Combine(data, $"gt_img_{i}.txt"), $"{4 * i},10,50,10,50,30,{4 * i},30,word\n");
        }
        string path = Path.Combine(_folder, "recipe.json");
        File.WriteAllText(path, $$"""
            {
              "name": "killed",
              "model": { "backboneWidth": 8, "backboneBlocks": [1, 1, 1, 1], "poolHeads": 32, "jointWidth": 32, "positionGrid": 2,
                "textWidth": 16, "textHeads": 2, "textLayers": 1, "languagePrompt": false, "decoderWidth": 16, "decoderHeads": 2,
                "decoderLayers": 1, "neckWidth": 16, "headWidth": 8,
                "storedTokenIds": [49406, 518, 34099, 539, 1346, 22702, 856, 268, 6448, 4160, 1264, 3515, 269, 49407] },
              "data": [{ "dataset": "icdar2015", "images": "data", "labels": "data" }],
              "augmentation": { "side": 64, "crop": "window", "scale": [0.8, 1.2] },
              "batch": 2, "steps": {{Steps}}, "checkpointEvery": 5,
              "optimizer": { "name": "adamw", "rate": 0.01, "rateFactors": {}, "average": 0.9 }
            }
            """);
        return path;
    }
}
