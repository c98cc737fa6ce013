using System.Globalization;
using Tcm.Nn;
using Tcm.Nn.Autograd;
using Tcm.Nn.Checkpoints;
using Tcm.Nn.Optimization;

namespace Tcm.Detect.Training;

/// <summary>
/// A run's state on disk: weights, optimiser, moving average and step in one safetensors file, which replaces its
/// predecessor only when it is complete. A run that goes on from it computes what an uninterrupted one would.
/// </summary>
internal sealed class TrainingState
{
    private const string StepKey = "tcm.step", BestKey = "tcm.best", OptimizerKey = "tcm.optimizer.steps",
        AverageKey = "tcm.average.updates";
    private const string Model = "model/", Moments = "optimizer/", Averages = "average/";
    private readonly ParameterStore _store;
    private readonly Optimizer _optimizer;
    private readonly MovingAverage? _average;

    public TrainingState(ParameterStore store, Optimizer optimizer, MovingAverage? average)
    {
        _store = store;
        _optimizer = optimizer;
        _average = average;
    }

    /// <summary>Steps that were taken.</summary>
    public int Step { get; set; }

    /// <summary>The best F-measure of a validation so far.</summary>
    public double Best { get; set; }

    /// <summary>Writes the state.</summary>
    /// <exception cref="WeightFormatException">It cannot be written; the old file is still there.</exception>
    public void Save(string path)
    {
        var tensors = All().ToList();
        var byName = tensors.ToDictionary(t => t.Name, t => t.Value, StringComparer.Ordinal);
        var metadata = new Dictionary<string, string>
        {
            [StepKey] = Step.ToString(CultureInfo.InvariantCulture),
            [BestKey] = Best.ToString("R", CultureInfo.InvariantCulture),
            [OptimizerKey] = _optimizer.Steps.ToString(CultureInfo.InvariantCulture),
            [AverageKey] = (_average?.Updates ?? 0).ToString(CultureInfo.InvariantCulture),
        };
        var infos = tensors.Select(t => new TensorInfo(t.Name, ElementType.Float32, t.Value.Shape.ToArray())).ToList();
        SafetensorsWriter.Write(path, metadata, infos, (info, values) =>
        {
            var tensor = byName[info.Name];
            tensor.Backend.Download(tensor.Data, values);
        });
    }

    /// <summary>Reads a state into the parameters, the optimiser and the average.</summary>
    /// <exception cref="WeightFormatException">The file is no state of this recipe's model.</exception>
    public void Load(string path)
    {
        using var file = CheckpointFile.Open(path);
        Step = Number(file, StepKey);
        Best = double.Parse(file.Metadata.GetValueOrDefault(BestKey, "0"), CultureInfo.InvariantCulture);
        foreach (var (name, tensor) in All())
        {
            var info = file.Find(name) ?? throw new WeightFormatException(
                $"{path}: no tensor '{name}'; the state belongs to another model or optimiser");
            if (!info.Shape.SequenceEqual(tensor.Shape.ToArray()))
            {
                throw new WeightFormatException($"{path}: '{name}' is {info.ShapeText}, the recipe's model has {tensor.Shape}");
            }
        }
        foreach (var parameter in _store.All)
        {
            parameter.Value.Backend.Upload(file.Read(Model + parameter.Name), parameter.Value.Data);
        }
        _optimizer.Restore(Number(file, OptimizerKey), name => file.Read(Moments + name));
        _average?.Restore(Number(file, AverageKey), name => file.Read(Averages + name));
    }

    private static int Number(Checkpoint file, string key) =>
        file.Metadata.TryGetValue(key, out string? text) && int.TryParse(text, CultureInfo.InvariantCulture, out int value)
            ? value : throw new WeightFormatException($"{file.Path}: no training state ('{key}' is missing)");

    private IEnumerable<(string Name, Tensor Value)> All() =>
        _store.All.Select(p => (Model + p.Name, p.Value))
            .Concat(_optimizer.State.Select(s => (Moments + s.Name, s.Tensor)))
            .Concat(_average is null ? [] : _average.State.Select(s => (Averages + s.Name, s.Tensor)));
}
