using Tcm.Nn;
using Tcm.Nn.Autograd;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Training;

/// <summary>The parameters of a model in training, or their moving averages, as a checkpoint to build an inference model from.</summary>
internal sealed class StoreCheckpoint : Checkpoint
{
    private readonly Dictionary<string, Tensor> _values;

    /// <param name="store">The parameters and buffers.</param>
    /// <param name="averages">Values that stand in for parameters of their name.</param>
    public StoreCheckpoint(ParameterStore store, IEnumerable<(string Name, Tensor Value)> averages)
    {
        _values = store.All.ToDictionary(p => p.Name, p => p.Value, StringComparer.Ordinal);
        foreach (var (name, value) in averages)
        {
            _values[name] = value;
        }
        Tensors = [.. _values.Select(v => new TensorInfo(v.Key, ElementType.Float32, v.Value.Shape.ToArray()))];
    }

    /// <inheritdoc/>
    public override string Path => "model in training";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public override IReadOnlyList<TensorInfo> Tensors { get; }

    /// <inheritdoc/>
    public override void Read(TensorInfo tensor, Span<float> destination)
    {
        var value = _values[tensor.Name];
        value.Backend.Download(value.Data, destination);
    }

    /// <inheritdoc/>
    public override void ReadRows(TensorInfo tensor, int first, int rows, Span<float> destination)
    {
        var value = _values[tensor.Name];
        long width = value.Length / value.Shape[0];
        value.Backend.Download(value.Data.Part(first * width, rows * width), destination);
    }

    /// <summary>The tensors belong to the store.</summary>
    public override void Dispose() { }
}
