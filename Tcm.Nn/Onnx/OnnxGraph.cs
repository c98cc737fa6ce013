using System.Globalization;
using System.Runtime.InteropServices;
using Tcm.Nn.Checkpoints;

namespace Tcm.Nn.Onnx;

/// <summary>
/// An ONNX graph under construction (github.com/onnx/onnx, onnx.proto; opset 17): nodes, constants, one input, one output.
/// Values are known by name.
/// </summary>
internal sealed class OnnxGraph
{
    public const int Opset = 17;
    private const int IrVersion = 8, Float32 = 1, Int64 = 7;
    private readonly List<ProtoWriter> _nodes = [];
    private readonly List<(ProtoWriter Header, byte[] Raw)> _constants = [];
    private readonly Dictionary<string, string> _integerConstants = [];
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
    private readonly ProtoWriter _ends = new();

    /// <summary>Number of nodes.</summary>
    public int NodeCount => _nodes.Count;

    /// <summary>Adds a node with one result, whose name is returned.</summary>
    /// <param name="type">The operator.</param>
    /// <param name="inputs">Names of its inputs; an empty one is left out.</param>
    /// <param name="attributes">Values: long, float, string or long[].</param>
    public string Node(string type, ReadOnlySpan<string> inputs, params ReadOnlySpan<(string Name, object Value)> attributes) =>
        Node(type, inputs, 1, attributes)[0];

    /// <summary>Adds a node with several results.</summary>
    public string[] Node(string type, ReadOnlySpan<string> inputs, int results,
        params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var node = new ProtoWriter();
        foreach (string input in inputs)
        {
            node.Text(1, input);
        }
        var outputs = new string[results];
        for (int i = 0; i < results; i++)
        {
            node.Text(2, outputs[i] = Unique(type));
        }
        node.Text(3, outputs[0]).Text(4, type);
        foreach (var (name, value) in attributes)
        {
            node.Message(5, Attribute(name, value));
        }
        _nodes.Add(node);
        return outputs;
    }

    /// <summary>Adds a constant of floats.</summary>
    public string Constant(ReadOnlySpan<float> values, ReadOnlySpan<int> shape, string name = "constant")
    {
        var header = new ProtoWriter();
        foreach (int size in shape)
        {
            header.Integer(1, size);
        }
        return Constant(header, Float32, MemoryMarshal.AsBytes(values).ToArray(), name);
    }

    /// <summary>A constant of one float.</summary>
    public string Scalar(float value) => Constant([value], []);

    /// <summary>A constant vector of integers; equal ones are the same.</summary>
    public string Integers(params ReadOnlySpan<long> values)
    {
        string key = string.Join(',', values.ToArray());
        if (!_integerConstants.TryGetValue(key, out string? name))
        {
            name = Constant(new ProtoWriter().Integer(1, values.Length), Int64, MemoryMarshal.AsBytes(values).ToArray(), "sizes");
            _integerConstants.Add(key, name);
        }
        return name;
    }

    /// <summary>Declares the input; a size below 0 is the axis' name instead.</summary>
    public void Input(string name, params ReadOnlySpan<(long Size, string Name)> shape)
    {
        Unique(name);
        _ends.Message(11, ValueInfo(name, shape));
    }

    /// <summary>Declares a value as the output, under a name of its own.</summary>
    public void Output(string value, string name, params ReadOnlySpan<(long Size, string Name)> shape)
    {
        _nodes.Add(new ProtoWriter().Text(1, value).Text(2, name).Text(3, name).Text(4, "Identity"));
        _ends.Message(12, ValueInfo(name, shape));
    }

    /// <summary>Writes the file and says how many bytes it has.</summary>
    /// <exception cref="WeightFormatException">It would exceed the 2 GB of a protocol-buffer file.</exception>
    public long Write(Stream target, string graphName, IReadOnlyDictionary<string, string> metadata)
    {
        var head = new ProtoWriter().Integer(1, IrVersion).Text(2, "tcm");
        head.Message(8, new ProtoWriter().Text(1, "").Integer(2, Opset));
        foreach (var (key, value) in metadata)
        {
            head.Message(14, new ProtoWriter().Text(1, key).Text(2, value));
        }
        var graph = new ProtoWriter();
        foreach (var node in _nodes)
        {
            graph.Message(1, node);
        }
        graph.Text(2, graphName);
        var tensors = _constants.Select(c => (Start: TensorStart(c.Header, c.Raw), c.Raw)).ToList();
        graph.Append(_ends);
        long length = graph.Length + tensors.Sum(t => t.Start.Length + t.Raw.Length);
        if (length + head.Length > int.MaxValue)
        {
            throw new WeightFormatException($"ONNX: {length} bytes, a file holds at most {int.MaxValue}");
        }
        head.Announce(7, length);
        head.CopyTo(target);
        graph.CopyTo(target);
        foreach (var (start, raw) in tensors)
        {
            start.CopyTo(target);
            target.Write(raw);
        }
        return head.Length + length;
    }

    private static ProtoWriter TensorStart(ProtoWriter header, byte[] raw)
    {
        var rawField = new ProtoWriter().Announce(9, raw.Length);
        return new ProtoWriter().Announce(5, header.Length + rawField.Length + raw.Length).Append(header).Append(rawField);
    }

    private string Constant(ProtoWriter header, int type, byte[] raw, string name)
    {
        string unique = Unique(name);
        header.Integer(2, type).Text(8, unique);
        _constants.Add((header, raw));
        return unique;
    }

    private string Unique(string name)
    {
        int uses = _names.GetValueOrDefault(name);
        _names[name] = uses + 1;
        return uses == 0 ? name : string.Create(CultureInfo.InvariantCulture, $"{name}_{uses}");
    }

    private static ProtoWriter Attribute(string name, object value)
    {
        var attribute = new ProtoWriter().Text(1, name);
        switch (value)
        {
            case float number:
                return attribute.Float(2, number).Integer(20, 1);
            case long number:
                return attribute.Integer(3, number).Integer(20, 2);
            case string text:
                return attribute.Text(4, text).Integer(20, 3);
            case long[] numbers:
                foreach (long number in numbers)
                {
                    attribute.Integer(8, number);
                }
                return attribute.Integer(20, 7);
            default:
                throw new ArgumentException($"ONNX: attribute {name} is a {value.GetType()}");
        }
    }

    private static ProtoWriter ValueInfo(string name, ReadOnlySpan<(long Size, string Name)> shape)
    {
        var dimensions = new ProtoWriter();
        foreach (var (size, axis) in shape)
        {
            dimensions.Message(1, size < 0 ? new ProtoWriter().Text(2, axis) : new ProtoWriter().Integer(1, size));
        }
        var tensor = new ProtoWriter().Integer(1, Float32).Message(2, dimensions);
        return new ProtoWriter().Text(1, name).Message(2, new ProtoWriter().Message(1, tensor));
    }
}
