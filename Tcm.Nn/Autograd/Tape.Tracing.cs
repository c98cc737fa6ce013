namespace Tcm.Nn.Autograd;

public sealed partial class Tape
{
    private readonly List<TracedOperation> _traced = [];
    private readonly Dictionary<GradientNode, Tensor> _values = [];
    private readonly HashSet<GradientNode> _varying = [];

    /// <summary>Whether this tape records everything, only to be looked at.</summary>
    internal bool IsTracing { get; private init; }

    /// <summary>
    /// Begins recording every operation of this thread, with its attributes, for an exporter to walk. What depends on no
    /// <see cref="Input"/> is a constant, whose value is kept; other values are not.
    /// </summary>
    internal static Tape Trace() => current = new Tape(current, recomputing: false) { IsTracing = true };

    /// <summary>The recorded operations in the order of computation.</summary>
    internal IReadOnlyList<TracedOperation> Traced => _traced;

    /// <summary>Names a tensor that changes from run to run.</summary>
    internal GradientNode Input(Tensor tensor)
    {
        tensor.Node ??= new GradientNode(tensor.Shape);
        _varying.Add(tensor.Node);
        return tensor.Node;
    }

    /// <summary>The value of a constant; null for what depends on an input.</summary>
    internal Tensor? ValueOf(GradientNode node) => _values.GetValueOrDefault(node);

    private void AddTraced(string name, Tensor result, ReadOnlySpan<Tensor?> operands, object? attributes)
    {
        var nodes = new GradientNode?[operands.Length];
        bool varies = false;
        for (int i = 0; i < nodes.Length; i++)
        {
            if (operands[i] is not { } operand)
            {
                continue;
            }
            nodes[i] = operand.Node ??= new GradientNode(operand.Shape);
            if (_varying.Contains(operand.Node))
            {
                varies = true;
            }
            else if (!_values.ContainsKey(operand.Node))
            {
                _values.Add(operand.Node, KeepAlive(operand));
            }
        }
        result.Node = new GradientNode(result.Shape);
        if (varies)
        {
            _varying.Add(result.Node);
        }
        else
        {
            _values.Add(result.Node, KeepAlive(result));
        }
        _traced.Add(new TracedOperation(name, nodes, result.Node, attributes));
    }
}

/// <summary>One operation of a traced forward pass.</summary>
/// <param name="Name">PyTorch's name.</param>
/// <param name="Operands">Places of the operands in the graph; null for one that is not there.</param>
/// <param name="Result">Place of the result.</param>
/// <param name="Attributes">What the operation passed to <see cref="Tape.Add"/>.</param>
internal sealed record TracedOperation(string Name, GradientNode?[] Operands, GradientNode Result, object? Attributes);
