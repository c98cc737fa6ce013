using Tcm.Kernels;
using Tcm.Nn.Autograd;

namespace Tcm.Nn.Onnx;

/// <summary>
/// A traced forward pass, seen as a function of the input's size: what is constant, who reads what, and each axis as a
/// <see cref="SymbolicSize"/>. For a fixed size one trace is enough; for any size two are compared.
/// </summary>
internal sealed class TracedGraph : IDisposable
{
    private readonly Tape _tape;
    private readonly Dictionary<GradientNode, SymbolicSize[]> _sizes = [];
    private readonly Dictionary<GradientNode, List<TracedOperation>> _readers = [];
    private readonly HashSet<GradientNode> _constants = [];

    private TracedGraph(Tape tape, GradientNode input, GradientNode output, IReadOnlyList<TracedOperation>? others)
    {
        (_tape, Input, Output) = (tape, input, output);
        for (int i = 0; i < tape.Traced.Count; i++)
        {
            Add(tape.Traced[i], others?[i] ?? tape.Traced[i]);
        }
    }

    /// <summary>The network's input.</summary>
    public GradientNode Input { get; }

    /// <summary>Its result.</summary>
    public GradientNode Output { get; }

    /// <summary>The operations that depend on the input (or on its size), in the order of computation.</summary>
    public IEnumerable<TracedOperation> Operations => _tape.Traced.Where(o => !_constants.Contains(o.Result));

    /// <summary>Traces a network at one size, or at two for a graph that serves any.</summary>
    /// <param name="backend">Where to compute.</param>
    /// <param name="forward">(1,3,H,W) to the result.</param>
    /// <param name="size">Height and width; null for any.</param>
    public static TracedGraph Trace(Backend backend, Func<Tensor, Tensor> forward, (int Height, int Width)? size)
    {
        var (tape, input, output) = Run(backend, forward, size ?? SymbolicSize.First);
        if (size is not null)
        {
            return new TracedGraph(tape, input, output, null);
        }
        var (second, _, _) = Run(backend, forward, SymbolicSize.Second);
        using (second)
        {
            if (!second.Traced.Select(o => o.Name).SequenceEqual(tape.Traced.Select(o => o.Name)))
            {
                throw new NotSupportedException("ONNX: the network does other things at another size; export it for a fixed one");
            }
            return new TracedGraph(tape, input, output, second.Traced);
        }
    }

    /// <summary>The axes of a value.</summary>
    public SymbolicSize[] Sizes(GradientNode node) => _sizes[node];

    /// <summary>Whether a value depends neither on the input nor on its size.</summary>
    public bool IsConstant(GradientNode node) => _constants.Contains(node);

    /// <summary>The values of a constant.</summary>
    public float[] Values(GradientNode node) => _tape.ValueOf(node)!.ToArray();

    /// <summary>The operation that alone reads a value, or null.</summary>
    public TracedOperation? OnlyReader(GradientNode node) =>
        !ReferenceEquals(node, Output) && _readers.TryGetValue(node, out var readers) && readers.Count == 1 ? readers[0] : null;

    public void Dispose() => _tape.Dispose();

    private static (Tape Tape, GradientNode Input, GradientNode Output) Run(Backend backend, Func<Tensor, Tensor> forward,
        (int Height, int Width) size)
    {
        using var scope = TensorScope.Begin();
        var x = new Tensor(backend, [1, 3, size.Height, size.Width]);
        backend.Fill(x.Data, 0);
        var tape = Tape.Trace();
        try
        {
            var input = tape.Input(x);
            return (tape, input, forward(x).Node!);
        }
        catch
        {
            tape.Dispose();
            throw;
        }
        finally
        {
            tape.Stop();
        }
    }

    private void Add(TracedOperation operation, TracedOperation other)
    {
        bool constant = true;
        for (int i = 0; i < operation.Operands.Length; i++)
        {
            if (operation.Operands[i] is not { } operand)
            {
                continue;
            }
            // Leaves are met here first.
            if (_sizes.TryAdd(operand, Solve(operand.Shape, other.Operands[i]!.Shape)) && _tape.ValueOf(operand) is not null)
            {
                _constants.Add(operand);
            }
            constant &= _constants.Contains(operand);
        }
        _sizes[operation.Result] = Solve(operation.Result.Shape, other.Result.Shape);
        if (constant && operation.Result.Shape == other.Result.Shape)
        {
            _constants.Add(operation.Result);
            return;
        }
        foreach (var operand in operation.Operands.OfType<GradientNode>())
        {
            if (!_readers.TryGetValue(operand, out var readers))
            {
                _readers.Add(operand, readers = []);
            }
            readers.Add(operation);
        }
    }

    private static SymbolicSize[] Solve(Shape first, Shape second) =>
        [.. first.ToArray().Zip(second.ToArray(), (a, b) => SymbolicSize.Solve(a, b))];
}
