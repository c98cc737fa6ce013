using System.Diagnostics;
using Tcm.Detect.Heads;
using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Nn;
using Tcm.Nn.Autograd;
using Tcm.Nn.Checkpoints;
using Tcm.Nn.Optimization;

namespace Tcm.Detect.Training;

/// <summary>What one step did. Immutable; safe to share between threads.</summary>
/// <param name="Step">Steps taken, this one included.</param>
/// <param name="Losses">Terms by name, weights included.</param>
/// <param name="Total">Their sum.</param>
/// <param name="Rate">Learning rate.</param>
/// <param name="GradientNorm">Norm of all gradients, where it was computed to clip them; else NaN.</param>
/// <param name="Seconds">Wall time, waiting for data included.</param>
/// <param name="DataSeconds">Part of it that waited for data.</param>
public sealed record StepReport(int Step, IReadOnlyList<(string Name, float Value)> Losses, float Total, double Rate,
    double GradientNorm, double Seconds, double DataSeconds);

/// <summary>
/// Trains a model as a recipe says, one step a call. Not thread-safe; the recipe's data is prepared on threads of its own.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly Recipe _recipe;
    private readonly Backend _backend;
    private readonly ParameterStore _store = new();
    private readonly TcmModel _model;
    private readonly TrainingObjective _objective;
    private readonly BatchLoader _loader;
    private readonly Optimizer _optimizer;
    private readonly LearningRateSchedule _schedule;
    private readonly MovingAverage? _average;
    private readonly TrainingState _state;

    /// <summary>Builds the model and starts to prepare data.</summary>
    /// <param name="recipe">What to do.</param>
    /// <param name="data">The recipe's members with their samples.</param>
    /// <param name="backend">Where to compute; must outlive the trainer.</param>
    /// <param name="resumeFrom">A state that <see cref="SaveState"/> wrote, or null to begin.</param>
    /// <param name="dataThreads">Threads that prepare batches.</param>
    /// <param name="warn">Receives one line for every picture that had to be replaced.</param>
    /// <exception cref="TcmException">The recipe makes no sense, or a file cannot be read.</exception>
    public Trainer(Recipe recipe, IReadOnlyList<MixMember> data, Backend backend, string? resumeFrom = null, int dataThreads = 2,
        Action<string>? warn = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(backend);
        _recipe = recipe;
        _backend = backend;
        var files = recipe.Initialization.Select(path => CheckpointFile.Open(path)).ToList();
        using (var weights = new InitialWeights(recipe.Model, files, recipe.Seed))
        {
            TensorsFromFiles = weights.FromFiles;
            _model = new TcmModel(weights, recipe.Model, backend, _store) { GradientCheckpointing = recipe.GradientCheckpointing };
        }
        _objective = HeadRegistry.Find(recipe.Model.Head).CreateObjective(recipe.Model, recipe.Loss);
        _optimizer = OptimizerFactory.Create(recipe.Optimizer, _store);
        _schedule = OptimizerFactory.Schedule(recipe);
        _average = OptimizerFactory.Average(recipe.Optimizer, _store);
        _state = new TrainingState(_store, _optimizer, _average);
        if (resumeFrom is not null)
        {
            _state.Load(resumeFrom);
        }
        _loader = new BatchLoader(recipe, data, _objective, _state.Step, dataThreads, warn);
    }

    /// <summary>Steps that were taken.</summary>
    public int Step => _state.Step;

    /// <summary>How many tensors came from the recipe's initialisation files.</summary>
    public int TensorsFromFiles { get; }

    /// <summary>The best F-measure so far; part of the state.</summary>
    public double Best
    {
        get => _state.Best;
        set => _state.Best = value;
    }

    /// <summary>Values that are learned and not frozen.</summary>
    public long LearnedParameters => _store.Learned.Where(p => !p.IsFrozen).Sum(p => p.Value.Length);

    internal ParameterStore Store => _store;

    /// <summary>Wall time of the last forward pass, for profiles.</summary>
    internal double ForwardSeconds { get; private set; }

    /// <summary>Sees every operation of the backward passes, for profiles.</summary>
    internal Action<string, Shape, TimeSpan>? BackwardObserver { get; set; }

    /// <summary>One step: forward, backward, update.</summary>
    /// <exception cref="OperationCanceledException">Cancelled while waiting for data; nothing has changed.</exception>
    /// <exception cref="TcmException">The loss is not a number.</exception>
    public StepReport RunStep(CancellationToken cancellation = default)
    {
        long start = Stopwatch.GetTimestamp();
        var batch = _loader.Take(_state.Step, cancellation);
        double waited = Stopwatch.GetElapsedTime(start).TotalSeconds;
        using var scope = TensorScope.Begin();
        int side = _recipe.Augmentation.Side;
        var input = Tensor.From(_backend, batch.Images, [batch.Size, 3, side, side]);
        var targets = new List<Tensor>();
        foreach (var (map, shape) in batch.Targets.Zip(_objective.TargetShapes(side, side)))
        {
            targets.Add(Tensor.From(_backend, map, [batch.Size, .. shape.ToArray()]));
        }
        _loader.Return(batch);

        _store.ZeroGradients();
        var losses = Losses(input, targets);
        float total = losses.Sum(l => l.Value);
        if (!float.IsFinite(total))
        {
            throw new TcmException($"step {_state.Step + 1}: the loss is {total}; lower optimizer.rate or set optimizer.clipNorm");
        }
        double norm = double.NaN;
        if (_recipe.Optimizer.ClipNorm > 0)
        {
            norm = GradientClipping.ByNorm(_optimizer.Tensors, _recipe.Optimizer.ClipNorm);
        }
        double rate = _schedule.At(_state.Step);
        _optimizer.Step(rate);
        _average?.Update();
        _state.Step++;
        return new StepReport(_state.Step, losses, total, rate, norm, Stopwatch.GetElapsedTime(start).TotalSeconds, waited);
    }

    /// <summary>Forward and backward; the gradients are then in the parameters.</summary>
    internal IReadOnlyList<(string Name, float Value)> Losses(Tensor input, IReadOnlyList<Tensor> targets)
    {
        using var scope = TensorScope.Begin();
        long start = Stopwatch.GetTimestamp();
        using var tape = Tape.Record();
        tape.Observer = BackwardObserver;
        var (stages, score) = _model.Features(input, null);
        var terms = _objective.Losses(_model.Head.TrainingMaps(stages), score, targets);
        var total = terms[0].Value;
        foreach (var term in terms.Skip(1))
        {
            total = Functional.Add(total, term.Value);
        }
        ForwardSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        tape.Backward(total);
        return [.. terms.Select(t => (t.Name, t.Value.ToArray()[0]))];
    }

    /// <summary>Writes the state from which a later trainer goes on.</summary>
    public void SaveState(string path) => _state.Save(path);

    /// <summary>Writes the weights (their moving average where there is one) as a model file.</summary>
    /// <param name="path">A .safetensors file.</param>
    /// <param name="half">Half precision instead of single.</param>
    /// <param name="cacheText">Stores the text feature instead of the text encoder, where no image changes it.</param>
    public void SaveModel(string path, bool half = true, bool cacheText = true)
    {
        using var weights = Weights();
        ModelWriter.Write(path, weights, _recipe.Model, half, cacheText, _backend);
    }

    /// <summary>A detector with the weights of this moment, on the same device; the caller disposes it.</summary>
    public TextDetector OpenDetector(TextDetectorOptions options)
    {
        using var weights = Weights();
        return TextDetector.Over(weights, _recipe.Model, _backend, options);
    }

    private StoreCheckpoint Weights() => new(_store, _average?.State ?? []);

    /// <inheritdoc/>
    public void Dispose()
    {
        _loader.Dispose();
        _model.Dispose();
        _optimizer.Dispose();
        _average?.Dispose();
        _store.Dispose();
    }
}
