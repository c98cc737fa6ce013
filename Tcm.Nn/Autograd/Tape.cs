using System.Diagnostics;

namespace Tcm.Nn.Autograd;

/// <summary>The gradient of an operation's result to the gradients of its operands, null where none is wanted.</summary>
/// <remarks>The result's gradient belongs to the tape and ends with the call; <see cref="Tensor.Share"/> passes it on.</remarks>
internal delegate Tensor?[] BackwardFunction(Tensor resultGradient);

/// <summary>
/// Records the operations of its thread from <see cref="Record"/> to <see cref="Dispose"/> and computes gradients from the
/// record. The tape is the graph: <see cref="Entries"/> are its nodes in the order of computation. Only operations that a
/// parameter (not frozen) can influence are recorded; what their gradients need is kept alive until the backward pass has
/// used it. Not thread-safe; tapes nest.
/// <code>
/// using var tape = Tape.Record();
/// var loss = model.Loss(batch);
/// tape.Backward(loss);             // gradients are now in the parameters
/// </code>
/// </summary>
public sealed partial class Tape : IDisposable
{
    [ThreadStatic] private static Tape? current;

    private readonly Tape? _outer;
    private readonly List<Entry> _entries = [];
    private readonly List<Tensor> _saved = [];
    private int _savedByEntries;
    private bool _used, _stopped, _disposed;

    private Tape(Tape? outer, bool recomputing)
    {
        _outer = outer;
        IsRecomputing = recomputing;
    }

    /// <summary>An operation that was recorded.</summary>
    /// <param name="Name">PyTorch's name.</param>
    /// <param name="Operands">Shapes of the operands.</param>
    /// <param name="Result">Shape of the result.</param>
    public readonly record struct Operation(string Name, IReadOnlyList<Shape> Operands, Shape Result);

    /// <summary>What was recorded, in the order of computation.</summary>
    public IEnumerable<Operation> Entries =>
        _entries.Select(e => new Operation(e.Name, [.. e.Operands.Select(o => o?.Shape ?? new Shape())], e.Result.Shape));

    /// <summary>Number of recorded operations.</summary>
    public int Count => _entries.Count;

    /// <summary>Whether this is the second forward pass of a checkpointed part, which must not move running statistics.</summary>
    internal bool IsRecomputing { get; }

    internal static Tape? Current => current;

    /// <summary>Begins recording on this thread.</summary>
    public static Tape Record() => current = new Tape(current, current is { IsRecomputing: true });

    internal static Tape Recompute() => current = new Tape(current, recomputing: true);

    /// <summary>
    /// Called after each operation's backward function with its name, the shape of its result and the time it took (until the
    /// device had the work done). For profiles; null costs nothing.
    /// </summary>
    public Action<string, Shape, TimeSpan>? Observer { get; set; }

    /// <summary>Stops recording until the result is disposed.</summary>
    internal static Pause Suspend()
    {
        var suspended = current;
        current = null;
        return new Pause(suspended);
    }

    /// <summary>The recording tape, if an operation on these operands is to be recorded.</summary>
    internal static Tape? Of(Tensor a, Tensor? b = null, Tensor? c = null) =>
        current is not null && (current.IsTracing || a.Node is not null || b?.Node is not null || c?.Node is not null) ? current : null;

    /// <summary>Keeps the values of a tensor until the backward pass, whatever its scope does.</summary>
    internal Tensor Save(Tensor tensor)
    {
        // What is only looked at has no backward pass.
        return IsTracing ? tensor : KeepAlive(tensor);
    }

    private Tensor KeepAlive(Tensor tensor)
    {
        var kept = tensor.Share();
        kept.LeaveScope();
        _saved.Add(kept);
        return kept;
    }

    /// <summary>Records an operation.</summary>
    /// <param name="name">PyTorch's name.</param>
    /// <param name="result">What it computed.</param>
    /// <param name="operands">From what; null for an operand that is not there.</param>
    /// <param name="backward">Its gradient.</param>
    /// <param name="attributes">What shapes do not tell of it, for <see cref="Trace"/>; each operation has its own type.</param>
    internal void Add(string name, Tensor result, ReadOnlySpan<Tensor?> operands, BackwardFunction backward,
        object? attributes = null)
    {
        if (IsTracing)
        {
            AddTraced(name, result, operands, attributes);
            return;
        }
        var nodes = new GradientNode?[operands.Length];
        for (int i = 0; i < nodes.Length; i++)
        {
            nodes[i] = operands[i]?.Node;
        }
        result.Node = new GradientNode(result.Shape);
        _entries.Add(new Entry(name, nodes, result.Node, _savedByEntries, backward));
        _savedByEntries = _saved.Count;
    }

    /// <summary>Adds the gradients of a loss to the parameters that it depends on.</summary>
    /// <param name="loss">One number that was computed while this tape recorded.</param>
    /// <exception cref="AutogradException">A second call, or a loss that is not one number or was not recorded.</exception>
    public void Backward(Tensor loss)
    {
        if (loss.Length != 1)
        {
            throw new AutogradException($"Backward: the loss is a tensor {loss.Shape}, expected one number");
        }
        Backward(loss, Tensor.From(loss.Backend, [1f], loss.Shape));
    }

    /// <summary>Propagates a given gradient of a result; takes ownership of it.</summary>
    internal void Backward(Tensor result, Tensor gradient)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (IsTracing)
        {
            throw new AutogradException("Backward: this tape traces; record the forward pass with Tape.Record");
        }
        if (_used)
        {
            throw new AutogradException("Backward: this tape was used before; record the forward pass again");
        }
        if (result.Node is null)
        {
            throw new AutogradException("Backward: nothing that led to the result was recorded with a learned parameter");
        }
        _used = true;
        using var pause = Suspend();
        gradient.LeaveScope();
        result.Node.Accumulate(gradient);
        for (int i = _entries.Count - 1; i >= 0; i--)
        {
            long start = Observer is null ? 0 : Stopwatch.GetTimestamp();
            Propagate(_entries[i]);
            if (Observer is not null)
            {
                result.Backend.Synchronize();
                Observer(_entries[i].Name, _entries[i].Result.Shape, Stopwatch.GetElapsedTime(start));
            }
            int end = i + 1 < _entries.Count ? _entries[i + 1].FirstSaved : _saved.Count;
            for (int s = _entries[i].FirstSaved; s < end; s++)
            {
                _saved[s].Dispose();
            }
            _entries[i] = _entries[i] with { Backward = null };
        }
    }

    private static void Propagate(Entry entry)
    {
        using var gradient = entry.Result.Take();
        if (gradient is null)
        {
            return;
        }
        using var scope = TensorScope.Begin();
        var gradients = entry.Backward!(gradient);
        for (int i = 0; i < entry.Operands.Length; i++)
        {
            if (gradients[i] is not { } part || entry.Operands[i] is not { } node)
            {
                continue;
            }
            if (part.Shape != node.Shape)
            {
                throw new AutogradException($"{entry.Name}: operand {i} is {node.Shape}, its gradient {part.Shape}");
            }
            part.LeaveScope();
            node.Accumulate(part);
        }
    }

    /// <summary>Ends the recording; what was kept stays.</summary>
    internal void Stop()
    {
        if (_stopped)
        {
            return;
        }
        if (!ReferenceEquals(current, this))
        {
            throw new InvalidOperationException("Tape: tapes must end in the reverse order of their beginning");
        }
        current = _outer;
        _stopped = true;
    }

    /// <summary>Ends the recording and frees what was kept.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        Stop();
        _disposed = true;
        foreach (var tensor in _saved)
        {
            tensor.Dispose();
        }
        foreach (var entry in _entries)
        {
            entry.Result.Take()?.Dispose();
        }
    }

    internal readonly struct Pause(Tape? suspended) : IDisposable
    {
        public void Dispose() => current = suspended;
    }

    private readonly record struct Entry(string Name, GradientNode?[] Operands, GradientNode Result, int FirstSaved,
        BackwardFunction? Backward);
}
