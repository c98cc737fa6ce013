using Tcm.Kernels;
using Tcm.Kernels.Attention;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Normalization;
using Tcm.Kernels.Resampling;
using Tcm.Nn.Autograd;

namespace Tcm.Nn.Onnx;

/// <summary>Each operation of <see cref="Functional"/> as ONNX nodes.</summary>
internal sealed class OnnxEmitter
{
    // Slice's end beyond every size.
    private const long ToTheEnd = long.MaxValue;

    private readonly OnnxGraph _graph;
    private readonly TracedGraph _traced;
    private readonly OnnxSizes _sizes;
    private readonly Dictionary<GradientNode, string> _names = [];
    private readonly HashSet<TracedOperation> _folded = [];

    public OnnxEmitter(OnnxGraph graph, TracedGraph traced)
    {
        (_graph, _traced) = (graph, traced);
        _sizes = new OnnxSizes(graph);
        _names.Add(traced.Input, OnnxExporter.InputName);
    }

    /// <summary>A value's name in the file; a constant is added when it is first asked for.</summary>
    public string NameOf(GradientNode node)
    {
        if (!_names.TryGetValue(node, out string? name))
        {
            name = _graph.Constant(_traced.Values(node), node.Shape.ToArray(), node.Parameter?.Name ?? "constant");
            _names.Add(node, name);
        }
        return name;
    }

    /// <summary>Adds an operation.</summary>
    /// <exception cref="NotSupportedException">ONNX has nothing for it here.</exception>
    public void Emit(TracedOperation operation)
    {
        if (_folded.Contains(operation))
        {
            return;
        }
        if (operation.Name is "Conv2d" or "ConvTranspose2d")
        {
            Convolve(operation);
            return;
        }
        _names.Add(operation.Result, operation.Name switch
        {
            "Add" => Node("Add", operation),
            "Subtract" => Node("Sub", operation),
            "Multiply" => Node("Mul", operation),
            "Exp" => Node("Exp", operation),
            "AddScaled" => _graph.Node("Add", [Operand(operation, 0), Scaled(Operand(operation, 1), (float)operation.Attributes!)]),
            "Affine" => Affine(operation),
            "AddToTokens" => _graph.Node("Add",
                [Operand(operation, 0), _graph.Node("Unsqueeze", [Operand(operation, 1), _graph.Integers(1)])]),
            "AddToChannels" => _graph.Node("Add",
                [Operand(operation, 0), _graph.Node("Unsqueeze", [Operand(operation, 1), _graph.Integers(1, 2)])]),
            nameof(Activation.Relu) or nameof(Activation.Sigmoid) or nameof(Activation.Gelu) or nameof(Activation.QuickGelu) =>
                Activate(Operand(operation, 0), Enum.Parse<Activation>(operation.Name)),
            "BatchNorm2d" => BatchNorm(operation),
            "Linear" => _graph.Node("MatMul", [Operand(operation, 0), Transposed(operation.Operands[1]!)]),
            "MatMul" => _graph.Node("MatMul",
                [Operand(operation, 0), (bool)operation.Attributes! ? Transposed(operation.Operands[1]!) : Operand(operation, 1)]),
            "Attention" => Attention(operation),
            "LayerNorm" => Node("LayerNormalization", operation, ("axis", -1L), ("epsilon", (float)operation.Attributes!)),
            "L2Normalize" => L2Normalize(operation),
            "Softmax" => Node("Softmax", operation, ("axis", -1L)),
            "Interpolate" => Resize(operation, 0),
            "AddUpsampled" => _graph.Node("Add", [Operand(operation, 0), Resize(operation, 1)]),
            "ConcatResized" => _graph.Node("Concat", [.. operation.Operands.Select((_, i) => Resize(operation, i))], ("axis", 1L)),
            "AvgPool2d" => AvgPool(operation),
            "GlobalMean" => _graph.Node("Flatten", [Node("GlobalAveragePool", operation)], ("axis", 1L)),
            "Transpose" => Node("Transpose", operation, ("perm", (long[])[0, 2, 1])),
            "Concat" => Node("Concat", operation, ("axis", 1L)),
            "Narrow" => Narrow(operation),
            "Repeat" => Repeat(operation),
            "Reshape" => _graph.Node("Reshape", [Operand(operation, 0), _sizes.Vector(_traced.Sizes(operation.Result))]),
            _ => throw new NotSupportedException($"ONNX: {operation.Name} has no counterpart"),
        });
    }

    private string Operand(TracedOperation operation, int i) => NameOf(operation.Operands[i]!);

    private string Node(string type, TracedOperation operation, params ReadOnlySpan<(string, object)> attributes) =>
        _graph.Node(type, [.. operation.Operands.Select(o => NameOf(o!))], attributes);

    private string Scaled(string x, float factor) => _graph.Node("Mul", [x, _graph.Scalar(factor)]);

    private string Affine(TracedOperation operation)
    {
        var (scale, offset) = ((float, float))operation.Attributes!;
        string y = Operand(operation, 0);
        y = scale == 1 ? y : Scaled(y, scale);
        return offset == 0 && scale != 1 ? y : _graph.Node("Add", [y, _graph.Scalar(offset)]);
    }

    private string Activate(string x, Activation activation) => activation switch
    {
        Activation.Relu => _graph.Node("Relu", [x]),
        Activation.Sigmoid => _graph.Node("Sigmoid", [x]),
        Activation.QuickGelu => _graph.Node("Mul", [x, _graph.Node("Sigmoid", [Scaled(x, 1.702f)])]),
        // The chain that runtimes recognise as one operation: 0.5 x (1 + erf(x / sqrt 2)).
        Activation.Gelu => Scaled(_graph.Node("Mul", [x, _graph.Node("Add",
            [_graph.Node("Erf", [_graph.Node("Div", [x, _graph.Scalar(MathF.Sqrt(2))])]), _graph.Scalar(1)])]), 0.5f),
        _ => x,
    };

    /// <summary>The last two axes swapped: at once for a constant.</summary>
    private string Transposed(GradientNode node)
    {
        var shape = node.Shape;
        if (shape.Rank != 2 || !_traced.IsConstant(node))
        {
            return _graph.Node("Transpose", [NameOf(node)], ("perm", shape.Rank == 2 ? [1, 0] : (long[])[0, 2, 1]));
        }
        float[] values = _traced.Values(node), turned = new float[values.Length];
        int rows = shape[0], columns = shape[1];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                turned[(j * rows) + i] = values[(i * columns) + j];
            }
        }
        return _graph.Constant(turned, [columns, rows], node.Parameter?.Name ?? "constant");
    }

    /// <summary>A convolution with the bias and the batch normalisation that alone read it.</summary>
    private void Convolve(TracedOperation operation)
    {
        var (x, w, result) = (operation.Operands[0]!, operation.Operands[1]!, operation.Result);
        bool transposed = operation.Name == "ConvTranspose2d";
        float[] weight = _traced.Values(w), bias = new float[result.Shape[1]];
        TracedOperation? norm = null;
        while (norm is null && _traced.OnlyReader(result) is { } reader && ReferenceEquals(reader.Operands[0], result))
        {
            if (reader.Name == "AddToChannels" && _traced.IsConstant(reader.Operands[1]!))
            {
                float[] values = _traced.Values(reader.Operands[1]!);
                for (int k = 0; k < bias.Length; k++)
                {
                    bias[k] += values[k];
                }
            }
            else if (reader.Name == "BatchNorm2d")
            {
                norm = reader;
                var trace = (BatchNormTrace)reader.Attributes!;
                BatchNormFolding.Fold(weight, bias, _traced.Values(reader.Operands[1]!), _traced.Values(reader.Operands[2]!),
                    trace.RunningMean.ToArray(), trace.RunningVar.ToArray(), trace.Eps,
                    transposed ? weight.Length / (w.Shape[0] * w.Shape[1]) : weight.Length / bias.Length);
            }
            else
            {
                break;
            }
            _folded.Add(reader);
            result = reader.Result;
        }
        string name = w.Parameter?.Name ?? "constant";
        string[] inputs = [NameOf(x), _graph.Constant(weight, w.Shape.ToArray(), name), _graph.Constant(bias, [bias.Length], name + ".bias")];
        string y = transposed
            ? _graph.Node("ConvTranspose", inputs, ("kernel_shape", (long[])[2, 2]), ("strides", (long[])[2, 2]))
            : Convolution(inputs, (Conv2dFilter)operation.Attributes!);
        _names.Add(result, norm is null ? y : AfterNorm(norm, y));
    }

    private string Convolution(string[] inputs, Conv2dFilter filter)
    {
        long stride = filter.Stride, padding = filter.Padding;
        return _graph.Node("Conv", inputs, ("kernel_shape", (long[])[filter.R, filter.S]), ("strides", (long[])[stride, stride]),
            ("pads", (long[])[padding, padding, padding, padding]), ("group", (long)filter.Groups));
    }

    /// <summary>Residual and activation of a batch normalisation.</summary>
    private string AfterNorm(TracedOperation norm, string y)
    {
        if (norm.Operands[3] is { } residual)
        {
            y = _graph.Node("Add", [y, NameOf(residual)]);
        }
        return Activate(y, ((BatchNormTrace)norm.Attributes!).Activation);
    }

    private string BatchNorm(TracedOperation norm)
    {
        var trace = (BatchNormTrace)norm.Attributes!;
        string y = _graph.Node("BatchNormalization", [Operand(norm, 0), Operand(norm, 1), Operand(norm, 2),
            _graph.Constant(trace.RunningMean.ToArray(), trace.RunningMean.Shape.ToArray(), "running_mean"),
            _graph.Constant(trace.RunningVar.ToArray(), trace.RunningVar.Shape.ToArray(), "running_var")], ("epsilon", trace.Eps));
        return AfterNorm(norm, y);
    }

    private string Attention(TracedOperation operation)
    {
        var shape = (AttentionShape)operation.Attributes!;
        bool packed = operation.Operands.Length == 1;
        string[] parts = packed
            ? _graph.Node("Split", [Operand(operation, 0), _graph.Integers(shape.Width, shape.Width, shape.Width)], 3, ("axis", -1L))
            : [Operand(operation, 0),
                .. _graph.Node("Split", [Operand(operation, 1), _graph.Integers(shape.Width, shape.Width)], 2, ("axis", -1L))];
        // 0 keeps the size of the axis.
        string split = _graph.Integers(0, 0, shape.Heads, shape.HeadDim);
        string q = Heads(Scaled(parts[0], shape.Scale), 0, 2, 1, 3), k = Heads(parts[1], 0, 2, 3, 1), v = Heads(parts[2], 0, 2, 1, 3);
        string scores = _graph.Node("MatMul", [q, k]);
        if (shape.Causal)
        {
            scores = _graph.Node("Add", [scores, CausalMask(shape.Queries)]);
        }
        string mixed = _graph.Node("MatMul", [_graph.Node("Softmax", [scores], ("axis", -1L)), v]);
        mixed = _graph.Node("Transpose", [mixed], ("perm", (long[])[0, 2, 1, 3]));
        return _graph.Node("Reshape", [mixed, _graph.Integers(0, 0, shape.Width)]);

        string Heads(string x, params long[] order) =>
            _graph.Node("Transpose", [_graph.Node("Reshape", [x, split])], ("perm", order));
    }

    private string CausalMask(int tokens)
    {
        var mask = new float[tokens * tokens];
        for (int i = 0; i < tokens; i++)
        {
            mask.AsSpan((i * tokens) + i + 1, tokens - i - 1).Fill(float.NegativeInfinity);
        }
        return _graph.Constant(mask, [tokens, tokens], "causal_mask");
    }

    private string L2Normalize(TracedOperation operation)
    {
        string norm = Node("ReduceL2", operation, ("axes", (long[])[-1]), ("keepdims", 1L));
        return _graph.Node("Div", [Operand(operation, 0), _graph.Node("Max", [norm, _graph.Scalar((float)operation.Attributes!)])]);
    }

    private string Resize(TracedOperation operation, int operand)
    {
        var source = operation.Operands[operand]!;
        var from = _traced.Sizes(source);
        var to = _traced.Sizes(operation.Result);
        if (from[2] == to[2] && from[3] == to[3])
        {
            return NameOf(source);
        }
        string sizes = _sizes.Concatenated([from[0], from[1], to[2], to[3]]);
        return (ResizeMode)operation.Attributes! == ResizeMode.Nearest
            ? _graph.Node("Resize", [NameOf(source), "", "", sizes], ("mode", "nearest"),
                ("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor"))
            : _graph.Node("Resize", [NameOf(source), "", "", sizes], ("mode", "linear"),
                ("coordinate_transformation_mode", "half_pixel"));
    }

    private string AvgPool(TracedOperation operation)
    {
        long kernel = (int)operation.Attributes!;
        return Node("AveragePool", operation, ("kernel_shape", (long[])[kernel, kernel]), ("strides", (long[])[kernel, kernel]));
    }

    private string Narrow(TracedOperation operation)
    {
        long start = (int)operation.Attributes!;
        var whole = _traced.Sizes(operation.Operands[0]!)[1];
        var part = _traced.Sizes(operation.Result)[1];
        bool rest = whole.Unit == part.Unit && whole.Factor == part.Factor && whole.Offset == start + part.Offset;
        if (!rest && !part.IsConstant)
        {
            throw new NotSupportedException("ONNX: a part in the middle of an axis, whose length depends on the input");
        }
        return _graph.Node("Slice", [Operand(operation, 0), _graph.Integers(start),
            _graph.Integers(rest ? ToTheEnd : start + part.Offset), _graph.Integers(1)]);
    }

    private string Repeat(TracedOperation operation)
    {
        string y = _graph.Node("Unsqueeze", [Operand(operation, 0), _graph.Integers(0)]);
        return operation.Result.Shape[0] == 1 ? y
            : _graph.Node("Expand", [y, _sizes.Concatenated(_traced.Sizes(operation.Result))]);
    }
}
