using System.Diagnostics;
using System.Globalization;
using Tcm.Cli.Output;
using Tcm.Detect.Training;
using Tcm.Kernels;

namespace Tcm.Cli.Training;

/// <summary>
/// A training run in a folder: <c>state.safetensors</c> to resume from, <c>model.safetensors</c> to detect with,
/// <c>best.safetensors</c> with the weights of the best validation, <c>log.csv</c> with a row for each step,
/// <c>validation.csv</c>, <c>curves.png</c> and <c>examples/</c>. Files are replaced whole, so a kill at any moment loses at most the steps since
/// the last state.
/// </summary>
internal sealed class TrainRun(CliHost host, Recipe recipe)
{
    private const string StateFile = "state.safetensors", ModelFile = "model.safetensors", BestFile = "best.safetensors",
        LogFile = "log.csv", CurvesFile = "curves.png";

    /// <summary>Where everything goes.</summary>
    public required string Folder { get; init; }

    /// <summary>Whether to go on from the folder's state.</summary>
    public bool Resume { get; init; }

    /// <summary>Device specification.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>CPU threads, 0 for one a core.</summary>
    public int Threads { get; init; }

    /// <summary>What products round their factors to on a GPU; weights and sums are FP32 whatever it is.</summary>
    public Precision Precision { get; init; }

    /// <summary>Threads that prepare pictures.</summary>
    public int DataThreads { get; init; } = 1;

    /// <summary>Time after which the run saves and stops.</summary>
    public TimeSpan? StopAfter { get; init; }

    /// <summary>Runs to the recipe's last step, the time limit, or Ctrl+C.</summary>
    public int Execute(CancellationToken cancellation)
    {
        string state = Path.Combine(Folder, StateFile);
        if (!Resume && File.Exists(state))
        {
            throw new UsageException($"{Folder} holds a run already; --resume goes on with it, --out names another folder");
        }
        if (Resume && !File.Exists(state))
        {
            throw new UsageException($"{state}: no state to resume from");
        }
        if (Precision == Precision.Fp16)
        {
            throw new UsageException("fp16 has not the range of gradients; train in bf16, tf32 or fp32");
        }
        PrepareFolder();
        var data = SampleSources.Open(recipe);
        var validation = recipe.Validation.Every > 0 ? new Validation(recipe, Folder) : null;
        using var backend = Devices.Open(Device, Threads, Precision);
        using var trainer = new Trainer(recipe, data, backend, Resume ? state : null, DataThreads,
            warning => host.Error.WriteLine($"tcm: {warning}"));
        Announce(data, backend, trainer);
        using var log = new TrainingLog(Path.Combine(Folder, LogFile), trainer.Step);
        var progress = new ProgressLine(host, recipe.Steps, recipe.Batch);
        long start = Stopwatch.GetTimestamp();
        bool stopped = false;
        while (trainer.Step < recipe.Steps && !stopped)
        {
            StepReport report;
            try
            {
                report = trainer.RunStep(cancellation);
            }
            catch (OperationCanceledException)
            {
                break;
            }
            log.Write(report);
            progress.Show(report);
            stopped = cancellation.IsCancellationRequested || (StopAfter is { } limit && Stopwatch.GetElapsedTime(start) > limit);
            if (validation?.IsDue(report.Step) == true && !stopped)
            {
                progress.End();
                Validate(trainer, validation, cancellation);
            }
            if (report.Step % recipe.CheckpointEvery == 0 && !stopped)
            {
                Save(trainer, validation);
            }
        }
        progress.End();
        Save(trainer, validation);
        host.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{trainer.Step} of {recipe.Steps} steps; {Path.Combine(Folder, ModelFile)}"));
        return cancellation.IsCancellationRequested ? ExitCode.Interrupted : ExitCode.Success;
    }

    /// <summary>Makes it, and removes files that a killed run had begun.</summary>
    private void PrepareFolder()
    {
        try
        {
            Directory.CreateDirectory(Folder);
            foreach (string file in Directory.GetFiles(Folder, "*.tmp"))
            {
                File.Delete(file);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"{Folder}: cannot be written to: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private void Validate(Trainer trainer, Validation validation, CancellationToken cancellation)
    {
        try
        {
            double hmean = validation.Run(trainer, host.Error.WriteLine, cancellation);
            if (hmean > trainer.Best)
            {
                trainer.Best = hmean;
                trainer.SaveModel(Path.Combine(Folder, BestFile));
            }
        }
        catch (OperationCanceledException)
        {
            // The state is saved and the run ends; it measures again when it comes by this step.
        }
    }

    private void Save(Trainer trainer, Validation? validation)
    {
        CurvePainter.Paint(Path.Combine(Folder, LogFile), validation?.History() ?? [], Path.Combine(Folder, CurvesFile));
        trainer.SaveState(Path.Combine(Folder, StateFile));
        trainer.SaveModel(Path.Combine(Folder, ModelFile));
    }

    private void Announce(IReadOnlyList<MixMember> data, Backend backend, Trainer trainer)
    {
        host.Error.WriteLine($"{recipe.Name}: {trainer.LearnedParameters.ToString("N0", CultureInfo.InvariantCulture)} learned "
            + $"parameters, {trainer.TensorsFromFiles} tensors from files, on {backend.Name} ({backend.Description})");
        foreach (var member in data)
        {
            host.Error.WriteLine($"  {member.Source.Name}: "
                + $"{member.Source.Count?.ToString(CultureInfo.InvariantCulture) ?? "endless"} pictures, weight "
                + member.Section.Weight.ToString(CultureInfo.InvariantCulture));
        }
        if (trainer.Step > 0)
        {
            host.Error.WriteLine($"  resumed after step {trainer.Step}");
        }
    }
}
