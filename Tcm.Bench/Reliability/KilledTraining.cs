using System.Diagnostics;
using System.Globalization;
using SkiaSharp;
using Tcm.Kernels;
using Tcm.Nn.Checkpoints;

namespace Tcm.Bench.Reliability;

/// <summary>What a kill left behind.</summary>
/// <param name="Milliseconds">From the first line of the trainer to the kill.</param>
/// <param name="WhileWriting">Whether a file was half written.</param>
/// <param name="StateStep">Step of the state on disk; 0 for none yet.</param>
/// <param name="LoggedStep">Last step in the log, which the run had taken.</param>
internal sealed record Kill(double Milliseconds, bool WhileWriting, int StateStep, int LoggedStep)
{
    /// <summary>Steps that have to be taken again.</summary>
    public int Lost => LoggedStep - StateStep;
}

/// <summary>
/// <c>tcm train</c> in processes of its own that are killed (SIGKILL) and resumed: a small model on drawn pictures, whose state is
/// written every <see cref="Interval"/> steps. Every second kill waits until a state is being written. After each kill every file
/// is read whole.
/// </summary>
internal sealed class KilledTraining : IDisposable
{
    /// <summary>Steps between two states.</summary>
    public const int Interval = 5;

    private const int StartTimeout = 120_000;

    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-kills-").FullName;
    private readonly Random _random;
    private readonly string _recipe;

    /// <param name="seed">Of the moments.</param>
    /// <param name="width">Of the backbone: the larger, the longer a state is being written.</param>
    public KilledTraining(int seed, int width)
    {
        _random = new Random(seed);
        _recipe = WriteRecipe(width);
    }

    /// <summary>Where the killed run keeps its files.</summary>
    public string Run => Path.Combine(_folder, "killed");

    /// <summary>Its state.</summary>
    public string State => Path.Combine(Run, "state.safetensors");

    /// <summary>Starts, kills and looks; the next call goes on from what this one left.</summary>
    /// <exception cref="TcmException">The trainer fails, or a promise is broken.</exception>
    public Kill KillOnce(bool whileWriting)
    {
        int before = File.Exists(State) ? StepOf(State) : 0;
        using var process = Process.Start(Command(Run, int.MaxValue))!;
        var errors = new List<string>();
        using var computing = new ManualResetEventSlim();
        process.ErrorDataReceived += (_, e) =>
        {
            lock (errors)
            {
                errors.Add(e.Data ?? "");
            }
            computing.Set();
        };
        process.BeginErrorReadLine();
        computing.Wait(StartTimeout);
        long start = Stopwatch.GetTimestamp();
        if (whileWriting)
        {
            var watch = new FileSystemWatcher(Run) { NotifyFilter = NotifyFilters.FileName };
            using (watch)
            {
                // Not always the first, or the run would not get on.
                for (int writes = _random.Next(1, 5); writes > 0 && !process.HasExited;)
                {
                    string? name = watch.WaitForChanged(WatcherChangeTypes.Created, 1000).Name;
                    writes -= name?.StartsWith("state.safetensors.", StringComparison.Ordinal) == true ? 1 : 0;
                }
            }
            SpinWait(_random.NextDouble() * 3);
        }
        else
        {
            Thread.Sleep(_random.Next(3000));
        }
        double time = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        if (process.HasExited)
        {
            throw new TcmException($"the trainer ended by itself with {process.ExitCode}: {string.Join(' ', errors)}");
        }
        process.Kill();
        process.WaitForExit();
        return Look(before, time);
    }

    /// <summary>Takes the run some steps further, and makes another one that is never interrupted.</summary>
    /// <returns>Steps of both, and whether their states are equal to the bit.</returns>
    public (int Steps, bool Equal) FinishBoth(int steps)
    {
        int last = (File.Exists(State) ? StepOf(State) : 0) + steps;
        string whole = Path.Combine(_folder, "whole");
        foreach (string run in (string[])[Run, whole])
        {
            using var process = Process.Start(Command(run, last))!;
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                throw new TcmException($"the trainer ended with {process.ExitCode}: {errors.ReplaceLineEndings(" ")}");
            }
        }
        string[] log = File.ReadAllLines(Path.Combine(Run, "log.csv"));
        Require(log.Skip(1).Select(StepOfRow).SequenceEqual(Enumerable.Range(1, last)), "the log does not have every step once");
        Require(Directory.GetFiles(Run, "*.tmp").Length == 0, "half written files are still there");
        return (last, File.ReadAllBytes(State).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(whole, "state.safetensors"))));
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Kill Look(int before, double time)
    {
        bool half = Directory.Exists(Run) && Directory.GetFiles(Run, "*.tmp").Length > 0;
        int step = 0;
        if (File.Exists(State))
        {
            step = StepOf(State);
            ReadWhole(State);
        }
        string model = Path.Combine(Run, "model.safetensors");
        if (File.Exists(model))
        {
            ReadWhole(model);
        }
        int logged = LastLogged();
        Require(step >= before, $"the state went back from step {before} to {step}");
        Require(step % Interval == 0, $"a state of step {step}");
        // The state may be written before the row of the same step has reached its file, never the other way round by more than the interval.
        Require(logged - step <= Interval, $"step {logged} was taken and the state is of step {step}");
        return new Kill(time, half, step, Math.Max(logged, step));
    }

    private int LastLogged()
    {
        string log = Path.Combine(Run, "log.csv");
        // The last row may not be whole; its step counts only if it is.
        return File.Exists(log) ? File.ReadAllText(log).Split('\n').SkipLast(1).Skip(1).Select(StepOfRow).DefaultIfEmpty().Max() : 0;
    }

    private static int StepOfRow(string row) => int.Parse(row.Split(',')[0], CultureInfo.InvariantCulture);

    private static int StepOf(string state)
    {
        using var file = CheckpointFile.Open(state);
        return int.Parse(file.Metadata["tcm.step"], CultureInfo.InvariantCulture);
    }

    private static void ReadWhole(string path)
    {
        using var file = CheckpointFile.Open(path);
        foreach (var tensor in file.Tensors)
        {
            Require(Array.TrueForAll(file.Read(tensor.Name), float.IsFinite), $"{path}: '{tensor.Name}' has values that are no numbers");
        }
    }

    private static void Require(bool kept, string broken)
    {
        if (!kept)
        {
            throw new TcmException(broken);
        }
    }

    private static void SpinWait(double milliseconds)
    {
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start).TotalMilliseconds < milliseconds)
        {
            Thread.SpinWait(100);
        }
    }

    /// <summary>The trainer's command line, to begin or to go on.</summary>
    public ProcessStartInfo Command(string run, int steps)
    {
        string tcm = OnnxProcess.Beside("tcm");
        bool library = tcm.EndsWith(".dll", StringComparison.Ordinal);
        string[] arguments = ["train", _recipe, "--out", run, "--set", $"steps={steps}", "--threads", "2",
            .. File.Exists(Path.Combine(run, "state.safetensors")) ? (string[])["--resume"] : []];
        return new ProcessStartInfo(library ? "dotnet" : tcm, library ? arguments.Prepend(tcm) : arguments) { RedirectStandardError = true };
    }

    private string WriteRecipe(int width)
    {
        string data = Directory.CreateDirectory(Path.Combine(_folder, "data")).FullName;
        Directory.CreateDirectory(Run);
        for (int i = 1; i <= 3; i++)
        {
            using var bitmap = new SKBitmap(new SKImageInfo(64, 64));
            bitmap.Erase(SKColors.White);
            for (int p = 0; p < 800; p++)
            {
                bitmap.SetPixel((4 * i) + (p % 40), 10 + (p / 40), new SKColor((byte)(p * 7), (byte)(p * 13), (byte)(p * 29)));
            }
            using var png = bitmap.Encode(SKEncodedImageFormat.Png, 90);
            File.WriteAllBytes(Path.Combine(data, $"img_{i}.png"), png.ToArray());
            File.WriteAllText(Path.Combine(data, $"gt_img_{i}.txt"), $"{4 * i},10,50,10,50,30,{4 * i},30,word\n");
        }
        string path = Path.Combine(_folder, "recipe.json");
        File.WriteAllText(path, $$"""
            {
              "name": "killed",
              "model": { "backboneWidth": {{width}}, "backboneBlocks": [1, 1, 1, 1], "poolHeads": 32, "jointWidth": 32, "positionGrid": 2,
                "textWidth": 16, "textHeads": 2, "textLayers": 1, "languagePrompt": false, "decoderWidth": 16, "decoderHeads": 2,
                "decoderLayers": 1, "neckWidth": 16, "headWidth": 8,
                "storedTokenIds": [49406, 518, 34099, 539, 1346, 22702, 856, 268, 6448, 4160, 1264, 3515, 269, 49407] },
              "data": [{ "dataset": "icdar2015", "images": "data", "labels": "data" }],
              "augmentation": { "side": 64, "crop": "window", "scale": [0.8, 1.2] },
              "batch": 2, "checkpointEvery": {{Interval}},
              "optimizer": { "name": "adamw", "rate": 0.001, "schedule": "constant", "rateFactors": {}, "average": 0.9 }
            }
            """);
        return path;
    }
}
