using Tcm.Kernels;
using Tcm.Nn.Checkpoints;

namespace Tcm.Nn.Onnx;

/// <summary>What an exported file holds. Immutable; safe to share between threads.</summary>
/// <param name="Nodes">Number of nodes.</param>
/// <param name="Bytes">Size of the file.</param>
public sealed record OnnxReport(int Nodes, long Bytes);

/// <summary>
/// Writes a network as an ONNX file (opset 17): one forward pass is traced, what does not depend on the input becomes a
/// constant, batch normalisation goes into the convolution before it, every other operation becomes one or a few nodes.
/// Thread-safe; the forward pass runs on the calling thread.
/// </summary>
public static class OnnxExporter
{
    /// <summary>Name of the input, (1,3,H,W).</summary>
    public const string InputName = "image";

    /// <summary>Exports forward.</summary>
    /// <param name="path">The file; replaced only when it is complete.</param>
    /// <param name="backend">Where the trace is computed.</param>
    /// <param name="forward">
    /// The network, (1,3,H,W) to one result. Its layers must have been built with a <see cref="Autograd.ParameterStore"/> that is
    /// not training: packed weights cannot be read back.
    /// </param>
    /// <param name="size">Height and width of the input, multiples of 32; null for a file that takes any.</param>
    /// <param name="outputName">Name of the result.</param>
    /// <param name="metadata">Text pairs of the file.</param>
    /// <exception cref="WeightFormatException">The file cannot be written, or exceeds 2 GB.</exception>
    public static OnnxReport Write(string path, Backend backend, Func<Tensor, Tensor> forward, (int Height, int Width)? size,
        string outputName, IReadOnlyDictionary<string, string> metadata)
    {
        using var traced = TracedGraph.Trace(backend, forward, size);
        var graph = new OnnxGraph();
        graph.Input(InputName, Axes(traced.Sizes(traced.Input)));
        var emitter = new OnnxEmitter(graph, traced);
        foreach (var operation in traced.Operations)
        {
            emitter.Emit(operation);
        }
        graph.Output(emitter.NameOf(traced.Output), outputName, Axes(traced.Sizes(traced.Output)));
        long bytes = 0;
        CompleteFile.Write(path, stream => bytes = graph.Write(stream, "tcm", metadata));
        return new OnnxReport(graph.NodeCount, bytes);
    }

    private static (long Size, string Name)[] Axes(SymbolicSize[] sizes) => [.. sizes.Select(s => s switch
    {
        { IsConstant: true } => (s.Offset, ""),
        { Unit: SizeUnit.Rows, Factor: SymbolicSize.Cell } => (-1, "height"),
        { Unit: SizeUnit.Columns, Factor: SymbolicSize.Cell } => (-1, "width"),
        _ => (-1L, $"{s.Unit}_{s.Factor}_{s.Offset}"),
    })];
}
