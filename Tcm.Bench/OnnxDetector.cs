using Microsoft.ML.OnnxRuntime;
using Tcm.Detect;
using Tcm.Detect.Heads.Db;
using Tcm.Detect.Preprocessing;

namespace Tcm.Bench;

/// <summary>How a network wants its colours: (value - mean) / deviation of each channel, on 0..255, in the network's order.</summary>
internal sealed record OnnxColours(IReadOnlyList<double> Mean, IReadOnlyList<double> Deviation, bool BlueFirst)
{
    /// <summary>PaddleOCR's: ImageNet's statistics, blue first.</summary>
    public static OnnxColours Paddle { get; } = new([0.485 * 255, 0.456 * 255, 0.406 * 255], [0.229 * 255, 0.224 * 255, 0.225 * 255], true);
}

/// <summary>A DB detector run by ONNX Runtime: our resizing and post-processing, its own colours and network.</summary>
internal sealed class OnnxDetector : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _run = new();
    private readonly DbPostProcessor _postProcessor;
    private readonly string _input;
    private readonly OnnxColours _colours;

    /// <summary>Opens a model.</summary>
    /// <param name="path">The .onnx file.</param>
    /// <param name="threads">Threads, 0 for one a core.</param>
    /// <param name="options">Post-processing.</param>
    /// <param name="colours">Of the input.</param>
    public OnnxDetector(string path, int threads, DbPostProcessingOptions options, OnnxColours colours)
    {
        _colours = colours;
        using var session = new SessionOptions
        {
            IntraOpNumThreads = threads > 0 ? threads : Environment.ProcessorCount,
            InterOpNumThreads = 1,
        };
        session.AddSessionConfigEntry("session.intra_op.allow_spinning", "1");
        _session = new InferenceSession(path, session);
        _input = _session.InputMetadata.Keys.Single();
        _postProcessor = new DbPostProcessor(options);
    }

    /// <summary>Finds the text in one picture; times as <see cref="TextDetector"/> gives them.</summary>
    public DetectionResult Detect(ImageBuffer image, ResizePolicy policy)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var prepared = Preprocessor.Prepare(image, policy);
        var size = prepared.Size;
        float[] pixels = Normalize(prepared);
        double preprocess = clock.Elapsed.TotalMilliseconds;

        clock.Restart();
        using var x = OrtValue.CreateTensorValueFromMemory(pixels, [1, 3, size.PaddedHeight, size.PaddedWidth]);
        using var outputs = _session.Run(_run, [_input], [x], _session.OutputNames);
        float[] map = outputs[0].GetTensorDataAsSpan<float>().ToArray();
        double network = clock.Elapsed.TotalMilliseconds;

        clock.Restart();
        var regions = _postProcessor.Detect(map, size.PaddedWidth, size.PaddedHeight, size.PaddedWidth, size.PaddedHeight,
            size.ScaleX, size.ScaleY);
        return new DetectionResult(image.Width, image.Height, regions, new DetectionTimings(preprocess, network,
            clock.Elapsed.TotalMilliseconds));
    }

    private float[] Normalize(PreparedImage prepared)
    {
        var size = prepared.Size;
        int plane = size.PaddedHeight * size.PaddedWidth;
        var pixels = new float[3 * plane];
        for (int channel = 0; channel < 3; channel++)
        {
            float scale = (float)(1 / _colours.Deviation[channel]), offset = (float)(-_colours.Mean[channel] / _colours.Deviation[channel]);
            int source = _colours.BlueFirst ? 2 - channel : channel;
            for (int y = 0; y < size.Height; y++)
            {
                var row = prepared.Pixels.Span.Slice(y * prepared.RowStride, 3 * size.Width);
                var target = pixels.AsSpan((channel * plane) + (y * size.PaddedWidth), size.Width);
                for (int i = 0; i < target.Length; i++)
                {
                    target[i] = (row[(3 * i) + source] * scale) + offset;
                }
            }
        }
        return pixels;
    }

    public void Dispose()
    {
        _run.Dispose();
        _session.Dispose();
    }
}
