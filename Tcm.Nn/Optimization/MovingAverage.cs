namespace Tcm.Nn.Optimization;

/// <summary>
/// Exponential moving average of weights (Polyak averaging): average = d average + (1 - d) weight after each step, with d =
/// min(decay, (1 + n) / (10 + n)) after n updates, so that the first weights are soon forgotten. State and restoring are
/// as with <see cref="Optimizer"/>. Not thread-safe.
/// </summary>
public sealed class MovingAverage : IDisposable
{
    private readonly (string Name, Tensor Value, Tensor Average)[] _tensors;
    private readonly double _decay;
    private readonly bool _warmUp;

    /// <summary>Starts from the present values.</summary>
    /// <param name="tensors">Names and tensors to average; running statistics of norms belong to them too.</param>
    /// <param name="decay">d in the long run.</param>
    /// <param name="warmUp">Whether d starts small.</param>
    public MovingAverage(IEnumerable<(string Name, Tensor Value)> tensors, double decay = 0.999, bool warmUp = true)
    {
        _decay = decay;
        _warmUp = warmUp;
        _tensors = [.. tensors.Select(t => (t.Name, t.Value, NamedState.Zeros(t.Value)))];
        foreach (var (_, value, average) in _tensors)
        {
            value.Backend.Copy(value.Data, average.Data);
        }
    }

    /// <summary>Updates so far.</summary>
    public long Updates { get; private set; }

    /// <summary>The averages, under the names of the weights.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> State => _tensors.Select(t => (t.Name, t.Average));

    /// <summary>Takes in the present values.</summary>
    public void Update()
    {
        double decay = _warmUp ? Math.Min(_decay, (1.0 + Updates) / (10.0 + Updates)) : _decay;
        Updates++;
        foreach (var (_, value, average) in _tensors)
        {
            value.Backend.Optimizers.Lookahead((float)(1 - decay), assign: false, value.Data, average.Data);
        }
    }

    /// <summary>Exchanges weights and averages: once to evaluate the average, again to train on.</summary>
    public void Swap()
    {
        foreach (var (_, value, average) in _tensors)
        {
            using var held = value.Backend.Allocate(value.Length);
            value.Backend.Copy(value.Data, held.All);
            value.Backend.Copy(average.Data, value.Data);
            value.Backend.Copy(held.All, average.Data);
        }
    }

    /// <summary>Puts back saved averages.</summary>
    public void Restore(long updates, Func<string, float[]> read)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(updates);
        NamedState.Restore(State, read);
        Updates = updates;
    }

    /// <summary>Frees the averages.</summary>
    public void Dispose()
    {
        foreach (var (_, _, average) in _tensors)
        {
            average.Dispose();
        }
    }
}
