using Microsoft.ML.OnnxRuntime;
using Tcm.Detect.Models;
using Tcm.Nn.Onnx;

namespace Tcm.Bench;

/// <summary>A model of ours, exported for one size and run by ONNX Runtime: the peer that computes the very same.</summary>
internal sealed class OnnxNetwork : IDisposable
{
    private readonly InferenceSession _session;
    private readonly OrtIoBinding _binding;
    private readonly OrtValue _input, _output;
    private readonly RunOptions _run = new();

    /// <summary>Opens an exported network.</summary>
    /// <param name="path">The .onnx file, for this size.</param>
    /// <param name="image">(1,3,height,width), normalised.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <param name="threads">Threads, 0 for one a core.</param>
    public OnnxNetwork(string path, float[] image, int height, int width, int threads)
    {
        using (var options = new SessionOptions
        {
            IntraOpNumThreads = threads > 0 ? threads : Environment.ProcessorCount,
            InterOpNumThreads = 1,
        })
        {
            options.AddSessionConfigEntry("session.intra_op.allow_spinning", "1");
            _session = new InferenceSession(path, options);
        }
        _input = OrtValue.CreateTensorValueFromMemory(image, [1, 3, height, width]);
        long[] shape = [.. _session.OutputMetadata[OnnxExport.OutputName].Dimensions.Select(d => (long)d)];
        Result = new float[shape.Aggregate(1L, (a, b) => a * b)];
        _output = OrtValue.CreateTensorValueFromMemory(Result, shape);
        _binding = _session.CreateIoBinding();
        _binding.BindInput(OnnxExporter.InputName, _input);
        _binding.BindOutput(OnnxExport.OutputName, _output);
    }

    /// <summary>What the last pass computed.</summary>
    public float[] Result { get; }

    /// <summary>One pass.</summary>
    public void Run() => _session.RunWithBinding(_run, _binding);

    public void Dispose()
    {
        _binding.Dispose();
        _input.Dispose();
        _output.Dispose();
        _run.Dispose();
        _session.Dispose();
    }
}
