using Tcm.Nn.Checkpoints;

namespace Tcm.Nn.Autograd;

/// <summary>
/// The parameters and buffers of a model that is trained, by name. Layers that are built from <see cref="Weights"/> with a
/// store take their tensors from here instead of packing them once. Not thread-safe.
/// </summary>
public sealed class ParameterStore : IDisposable
{
    private readonly Dictionary<string, Parameter> _byName = new(StringComparer.Ordinal);
    private readonly List<Parameter> _all = [];

    /// <summary>Parameters and buffers in the order in which the model asked for them.</summary>
    public IReadOnlyList<Parameter> All => _all;

    /// <summary>Those that are learned.</summary>
    public IEnumerable<Parameter> Learned => _all.Where(p => p.Learned);

    /// <summary>
    /// True while training: normalisation uses the statistics of the batch and moves the running ones. False uses the
    /// running ones.
    /// </summary>
    public bool IsTraining { get; set; } = true;

    /// <summary>The parameter or buffer of a name, or null.</summary>
    public Parameter? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Freezes (or thaws) every parameter that the predicate selects.</summary>
    public void Freeze(Func<Parameter, bool> selects, bool frozen = true)
    {
        foreach (var parameter in _all)
        {
            if (selects(parameter))
            {
                parameter.IsFrozen = frozen;
            }
        }
    }

    /// <summary>Forgets all gradients.</summary>
    public void ZeroGradients()
    {
        foreach (var parameter in _all)
        {
            parameter.ZeroGradient();
        }
    }

    /// <summary>Writes all values to a safetensors file under their names.</summary>
    /// <param name="path">The file; replaced only when it is complete.</param>
    /// <param name="metadata">Text pairs.</param>
    /// <param name="type">Single or half precision.</param>
    /// <exception cref="WeightFormatException">The file cannot be written.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string> metadata, ElementType type = ElementType.Float32)
    {
        var tensors = _all.Select(p => new TensorInfo(p.Name, type, p.Value.Shape.ToArray())).ToList();
        SafetensorsWriter.Write(path, metadata, tensors, (info, values) =>
        {
            var value = _byName[info.Name].Value;
            value.Backend.Download(value.Data, values);
        });
    }

    internal Parameter GetOrAdd(string name, Func<Tensor> read, bool learned)
    {
        if (!_byName.TryGetValue(name, out var parameter))
        {
            var value = read();
            value.LeaveScope();
            parameter = new Parameter(name, value, learned);
            _byName.Add(name, parameter);
            _all.Add(parameter);
        }
        return parameter;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var parameter in _all)
        {
            parameter.Dispose();
        }
    }
}
