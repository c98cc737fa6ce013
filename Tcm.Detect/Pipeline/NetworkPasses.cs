using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Nn;

namespace Tcm.Detect.Pipeline;

/// <summary>
/// Runs a network, and records its passes at sizes that come again, each with an input and a result of its own in the device's memory.
/// The first picture of a size runs as without, so that one that comes once costs no more. The size that was not used for the longest
/// time goes when there are too many, and all of them go when the device's memory is short. Thread-safe: recorded passes, whose input
/// they share, are queued one at a time.
/// </summary>
/// <param name="model">The network.</param>
/// <param name="capacity">Sizes that are kept; 0 records nothing.</param>
internal sealed class NetworkPasses(TcmModel model, int capacity) : IDisposable
{
    // Sizes seen once that are remembered, for each that can be kept.
    private const int SeenPerPlace = 16;

    private readonly Lock _lock = new();
    private readonly List<Pass> _recent = [];
    private readonly List<Shape> _seen = [];
    private ForwardObserver? _observer;

    /// <summary>What is recorded, the last used first.</summary>
    public IReadOnlyList<NetworkPass> Recorded
    {
        get
        {
            lock (_lock)
            {
                return [.. _recent.Select(p => new NetworkPass(p.Shape[0], p.Shape[2], p.Shape[3], p.Recording.IsGraph,
                    p.Recording.Reason))];
            }
        }
    }

    /// <summary>Times that a picture of a size must be seen until the next one costs no more.</summary>
    public int WarmUps => capacity > 0 ? 2 : 1;

    /// <summary>One pass.</summary>
    /// <param name="input">(B,3,H,W); the caller's.</param>
    /// <param name="observer">Told of the blocks, except by a graph.</param>
    /// <param name="read">
    /// Queues what is to be done with the result, which a later pass overwrites. The result is not the callee's to dispose.
    /// </param>
    public T Run<T>(Tensor input, ForwardObserver observer, Func<Tensor, T> read) =>
        capacity == 0 ? read(model.Forward(input, observer)) : WithMemory(() => Try(input, observer, read));

    /// <summary>Runs something that wants the device's memory; recorded passes give theirs up if it fails, and it runs again.</summary>
    public T WithMemory<T>(Func<T> pass)
    {
        try
        {
            return pass();
        }
        catch (DeviceException)
        {
            // Recorded passes held memory that this one may have wanted.
            if (!Clear())
            {
                throw;
            }
            return pass();
        }
    }

    /// <summary>Forgets all; whether there was any.</summary>
    public bool Clear()
    {
        lock (_lock)
        {
            bool any = _recent.Count > 0;
            _recent.ForEach(p => p.Dispose());
            _recent.Clear();
            return any;
        }
    }

    public void Dispose() => Clear();

    private T Try<T>(Tensor input, ForwardObserver observer, Func<Tensor, T> read)
    {
        lock (_lock)
        {
            int found = _recent.FindIndex(p => p.Shape == input.Shape && p.Input.Format == input.Format);
            if (found >= 0)
            {
                var known = _recent[found];
                _recent.RemoveAt(found);
                _recent.Insert(0, known);
                model.Backend.Copy(input.RawData, known.Input.RawData);
                _observer = observer;
                known.Recording.Run();
                return read(known.Output!);
            }
            if (_seen.Remove(input.Shape))
            {
                return read(Record(input, observer).Output!);
            }
            _seen.Add(input.Shape);
            if (_seen.Count > SeenPerPlace * capacity)
            {
                _seen.RemoveAt(0);
            }
        }
        return read(model.Forward(input, observer));
    }

    private Pass Record(Tensor input, ForwardObserver observer)
    {
        while (_recent.Count >= capacity)
        {
            _recent[^1].Dispose();
            _recent.RemoveAt(_recent.Count - 1);
        }
        var pass = new Pass(input.Shape, new Tensor(model.Backend, input.Shape, input.Format));
        try
        {
            pass.Input.LeaveScope();
            model.Backend.Copy(input.RawData, pass.Input.RawData);
            _observer = observer;
            pass.Recording = model.Backend.Record(() =>
            {
                using var scope = TensorScope.Begin();
                pass.Output?.Dispose();
                pass.Output = scope.Keep(model.Forward(pass.Input, _observer));
                pass.Output.LeaveScope();
            });
        }
        catch
        {
            pass.Dispose();
            throw;
        }
        _recent.Insert(0, pass);
        return pass;
    }

    private sealed class Pass(Shape shape, Tensor input) : IDisposable
    {
        public Shape Shape => shape;

        public Tensor Input => input;

        public Tensor? Output { get; set; }

        public RecordedPass Recording { get; set; } = null!;

        public void Dispose()
        {
            Recording?.Dispose();
            input.Dispose();
            Output?.Dispose();
        }
    }
}
