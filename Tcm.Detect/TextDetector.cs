using System.Diagnostics;
using Tcm.Detect.Heads;
using Tcm.Detect.Models;
using Tcm.Detect.Preprocessing;
using Tcm.Kernels;
using Tcm.Nn;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect;

/// <summary>
/// Finds text in pictures. Thread contract: one detector may be used from many threads at once; each call gets the result
/// that it would get alone. Dispose it after the last call has returned.
/// </summary>
public sealed class TextDetector : IDisposable
{
    private readonly RegionExtractor _extractor;
    private readonly TcmModel _model;
    private readonly ResizePolicy _policy;
    private bool _disposed;

    private readonly bool _ownsBackend;

    private TextDetector(Func<TcmModel> model, TcmConfig config, TextDetectorOptions options, bool ownsBackend)
    {
        // Settings first: they can be wrong, and then there is nothing to give back.
        _extractor = Extractor(config, options);
        _ownsBackend = ownsBackend;
        _model = model();
        _policy = new ResizePolicy(options.MaxSide, options.ShortSide);
    }

    /// <summary>What the loaded model consists of.</summary>
    public TcmConfig Config => _model.Config;

    /// <summary>The device in use.</summary>
    public Backend Backend => _model.Backend;

    /// <summary>Loads a model from a converted <c>.safetensors</c> file or an official <c>.pth</c> checkpoint.</summary>
    /// <param name="weightsPath">The file.</param>
    /// <param name="options">Device, sizes, post-processing; null for the defaults.</param>
    /// <exception cref="WeightFormatException">The file is missing, damaged, or not a TCM model.</exception>
    /// <exception cref="DeviceException">The device is not there or has too little memory.</exception>
    public static TextDetector Load(string weightsPath, TextDetectorOptions? options = null)
    {
        options ??= new TextDetectorOptions();
        using var model = ModelFile.Open(weightsPath, options.TextHeads, options.DecoderHeads);
        return Load(model.Checkpoint, model.Config, options);
    }

    /// <summary>Loads a model from tensors that are already at hand.</summary>
    /// <param name="checkpoint">The tensors; may be disposed afterwards.</param>
    /// <param name="config">What the model consists of.</param>
    /// <param name="options">Device, sizes, post-processing.</param>
    public static TextDetector Load(Checkpoint checkpoint, TcmConfig config, TextDetectorOptions options)
    {
        var backend = Devices.Open(options.Device, options.Threads, options.Precision);
        try
        {
            return new TextDetector(() => new TcmModel(checkpoint, config, backend), config, options, ownsBackend: true);
        }
        catch
        {
            backend.Dispose();
            throw;
        }
    }

    /// <summary>A detector on a backend that others use as well, which is not disposed with it.</summary>
    internal static TextDetector Over(Checkpoint checkpoint, TcmConfig config, Backend backend, TextDetectorOptions options) =>
        new(() => new TcmModel(checkpoint, config, backend), config, options, ownsBackend: false);

    /// <summary>Finds the text in one picture.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="cancellation">Looked at between the stages.</param>
    /// <returns>Regions in pixels of <paramref name="image"/>, with the time of each stage.</returns>
    /// <exception cref="OperationCanceledException">Cancelled; the detector stays usable.</exception>
    public DetectionResult Detect(ImageBuffer image, CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellation.ThrowIfCancellationRequested();
        long start = Stopwatch.GetTimestamp();
        using var scope = TensorScope.Begin();
        var (input, size) = Prepare(image, _policy);
        double preprocess = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        cancellation.ThrowIfCancellationRequested();
        start = Stopwatch.GetTimestamp();
        float[] maps = _model.Forward(input).ToArray();
        double network = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        cancellation.ThrowIfCancellationRequested();
        start = Stopwatch.GetTimestamp();
        var regions = _extractor(maps, size);
        double postprocess = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        return new DetectionResult(image.Width, image.Height, regions,
            new DetectionTimings(preprocess, network, postprocess));
    }

    /// <summary>
    /// Runs the network and shows every named stage to <paramref name="observer"/>; the names are those of the reference
    /// (<c>input</c>, <c>x0</c>, ... <c>P</c>, <c>T</c>, <c>B</c>).
    /// </summary>
    /// <param name="image">The picture.</param>
    /// <param name="observer">Receives the stages.</param>
    /// <param name="resize">Whether the picture is resized as for detection, or only padded to multiples of 32.</param>
    public void Trace(ImageBuffer image, ForwardObserver observer, bool resize = true)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        using var scope = TensorScope.Begin();
        var (input, _) = Prepare(image, resize ? _policy : new ResizePolicy(Math.Max(image.Width, image.Height),
            Math.Min(image.Width, image.Height)));
        _model.Forward(input, observer);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _model.Dispose();
            if (_ownsBackend)
            {
                _model.Backend.Dispose();
            }
        }
    }

    private static RegionExtractor Extractor(TcmConfig config, TextDetectorOptions options)
    {
        var method = HeadRegistry.Find(config.Head);
        var chosen = options.PostProcessing ?? method.PostProcessing;
        if (chosen.GetType() != method.PostProcessing.GetType())
        {
            throw new TcmException($"{chosen.GetType().Name} do not fit a {config.Head} model, which has "
                + $"{method.PostProcessing.GetType().Name}");
        }
        return method.CreateExtractor(chosen.With(options.PostProcessingSettings, method.Name));
    }

    private (Tensor Input, NetworkSize Size) Prepare(ImageBuffer image, ResizePolicy policy)
    {
        var prepared = Preprocessor.Prepare(image, policy);
        var size = prepared.Size;
        var input = new Tensor(Backend, [1, 3, size.PaddedHeight, size.PaddedWidth]);
        Backend.Images.NormalizePad(prepared.Pixels.Span, prepared.RowStride, size.Height, size.Width, size.PaddedHeight,
            size.PaddedWidth, Config.Normalization, input.Data);
        return (input, size);
    }
}
