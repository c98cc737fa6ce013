namespace Tcm.Nn.Onnx;

/// <summary>Sizes as integer vectors of a graph: constants, or computed from the input's shape at run time.</summary>
internal sealed class OnnxSizes(OnnxGraph graph)
{
    private readonly Dictionary<SymbolicSize, string> _computed = [];

    /// <summary>For a reshape, which finds one size itself.</summary>
    public string Vector(SymbolicSize[] sizes) => sizes.Count(s => !s.IsConstant) <= 1
        ? graph.Integers([.. sizes.Select(s => s.IsConstant ? s.Offset : -1)])
        : Concatenated(sizes);

    /// <summary>All sizes, none left open.</summary>
    public string Concatenated(SymbolicSize[] sizes) => sizes.All(s => s.IsConstant)
        ? graph.Integers([.. sizes.Select(s => s.Offset)])
        : graph.Node("Concat", [.. sizes.Select(One)], ("axis", 0L));

    private string One(SymbolicSize size)
    {
        if (size.IsConstant)
        {
            return graph.Integers(size.Offset);
        }
        if (!_computed.TryGetValue(size, out string? name))
        {
            name = Unit(size.Unit);
            name = size.Factor == 1 ? name : graph.Node("Mul", [name, graph.Integers(size.Factor)]);
            name = size.Offset == 0 ? name : graph.Node("Add", [name, graph.Integers(size.Offset)]);
            _computed.Add(size, name);
        }
        return name;
    }

    private string Unit(SizeUnit unit)
    {
        if (unit == SizeUnit.Cells)
        {
            return graph.Node("Mul", [One(new(SizeUnit.Rows, 1, 0)), One(new(SizeUnit.Columns, 1, 0))]);
        }
        string shape = graph.Node("Shape", [OnnxExporter.InputName]);
        string side = graph.Node("Gather", [shape, graph.Integers(unit == SizeUnit.Rows ? 2 : 3)]);
        return graph.Node("Div", [side, graph.Integers(SymbolicSize.Cell)]);
    }
}
