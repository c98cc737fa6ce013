using Microsoft.ML.OnnxRuntime;
using Tcm.Kernels.Convolution;
using Tcm.Nn.Onnx;

namespace Tcm.Bench;

/// <summary>A model of one convolution and a ReLU, run by ONNX Runtime on given threads.</summary>
internal sealed class OnnxConvolution : IDisposable
{
    private readonly InferenceSession _session;
    private readonly OrtIoBinding _binding;
    private readonly OrtValue _x, _y;
    private readonly RunOptions _run = new();

    public OnnxConvolution(Conv2dFilter filter, bool transposed, int h, int w, float[] x, float[] y, float[] weight,
        float[] bias, int threads)
    {
        long[] input = [1, filter.C, h, w];
        long[] output = transposed ? [1, filter.K, 2 * h, 2 * w] : [1, filter.K,
            (h + 2 * filter.Padding - filter.R) / filter.Stride + 1, (w + 2 * filter.Padding - filter.S) / filter.Stride + 1];
        using var options = new SessionOptions { IntraOpNumThreads = threads, InterOpNumThreads = 1 };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "1");
        _session = new InferenceSession(Model(filter, transposed, input, output, weight, bias), options);
        _x = OrtValue.CreateTensorValueFromMemory(x, input);
        _y = OrtValue.CreateTensorValueFromMemory(y, output);
        _binding = _session.CreateIoBinding();
        _binding.BindInput("x", _x);
        _binding.BindOutput("y", _y);
    }

    public void Run() => _session.RunWithBinding(_run, _binding);

    public void Dispose()
    {
        _binding.Dispose();
        _x.Dispose();
        _y.Dispose();
        _run.Dispose();
        _session.Dispose();
    }

    private static byte[] Model(Conv2dFilter filter, bool transposed, long[] input, long[] output, float[] weight, float[] bias)
    {
        int[] weightShape = transposed ? [filter.C, filter.K, 2, 2] : [filter.K, filter.C / filter.Groups, filter.R, filter.S];
        long p = filter.Padding;
        var graph = new OnnxGraph();
        graph.Input("x", [.. input.Select(size => (size, ""))]);
        string y = graph.Node(transposed ? "ConvTranspose" : "Conv",
            ["x", graph.Constant(weight, weightShape), graph.Constant(bias, [bias.Length])],
            ("kernel_shape", (long[])[filter.R, filter.S]), ("strides", (long[])[filter.Stride, filter.Stride]),
            ("pads", (long[])[p, p, p, p]), ("group", (long)filter.Groups));
        graph.Output(graph.Node("Relu", [y]), "y", [.. output.Select(size => (size, ""))]);
        using var file = new MemoryStream();
        graph.Write(file, "convolution", new Dictionary<string, string>());
        return file.ToArray();
    }
}
