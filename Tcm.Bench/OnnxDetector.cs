using Microsoft.ML.OnnxRuntime;
using Tcm.Detect;
using Tcm.Detect.Heads.Db;
using Tcm.Detect.Preprocessing;

namespace Tcm.Bench;

/// <summary>
/// A DB detector of PaddleOCR, run by ONNX Runtime: our resizing and post-processing, its own colours (blue first, divided
/// by 255, ImageNet's statistics) and network.
/// </summary>
internal sealed class OnnxDetector : IDisposable
{
    // In the order of the network's channels.
    private static readonly float[] Mean = [0.485f, 0.456f, 0.406f], Std = [0.229f, 0.224f, 0.225f];

    private readonly InferenceSession _session;
    private readonly RunOptions _run = new();
    private readonly DbPostProcessor _postProcessor;
    private readonly string _input;

    /// <summary>Opens a model.</summary>
    /// <param name="path">The .onnx file.</param>
    /// <param name="threads">Threads, 0 for one a core.</param>
    /// <param name="options">Post-processing.</param>
    public OnnxDetector(string path, int threads, DbPostProcessingOptions options)
    {
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

    private static float[] Normalize(PreparedImage prepared)
    {
        var size = prepared.Size;
        int plane = size.PaddedHeight * size.PaddedWidth;
        var pixels = new float[3 * plane];
        for (int channel = 0; channel < 3; channel++)
        {
            float scale = 1 / (255 * Std[channel]), offset = -Mean[channel] / Std[channel];
            for (int y = 0; y < size.Height; y++)
            {
                var row = prepared.Pixels.Span.Slice(y * prepared.RowStride, 3 * size.Width);
                var target = pixels.AsSpan((channel * plane) + (y * size.PaddedWidth), size.Width);
                for (int i = 0; i < target.Length; i++)
                {
                    target[i] = (row[(3 * i) + 2 - channel] * scale) + offset;
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
