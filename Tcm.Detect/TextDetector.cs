using System.Diagnostics;
using Tcm.Detect.Diagnostics;
using Tcm.Detect.Heads;
using Tcm.Detect.Models;
using Tcm.Detect.Pipeline;
using Tcm.Kernels;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect;

/// <summary>
/// Finds text in pictures. Thread contract: every member may be called from many threads at once, <see cref="Dispose"/> included, and
/// each call gets the result that it would get alone.
/// </summary>
public sealed partial class TextDetector : IDisposable
{
    private readonly DetectorStages _stages;
    private readonly CallGate _gate;
    private readonly TextDetectorOptions _options;
    private readonly DetectorMonitor _monitor;

    private TextDetector(TcmModel model, Func<Extraction> extraction, TextDetectorOptions options, Action release)
    {
        _options = options;
        _stages = new DetectorStages(model, extraction, options);
        _monitor = new DetectorMonitor(model, options);
        _gate = new CallGate(this, () =>
        {
            _monitor.Dispose();
            _stages.Dispose();
            model.Dispose();
            release();
            DetectorLog.Disposed(_monitor.Logger);
        });
    }

    /// <summary>What the loaded model consists of.</summary>
    public TcmConfig Config => _stages.Model.Config;

    /// <summary>Settings of post-processing in use, of the type that belongs to the model's head.</summary>
    public PostProcessingOptions PostProcessing => _stages.Settings;

    /// <summary>The device in use. It belongs to the detector, or to all detectors of the process on that GPU and in that
    /// precision, which share its memory and compiled kernels.</summary>
    public Backend Backend => _stages.Model.Backend;

    /// <summary>Sizes at which the network is recorded now, the last used first; see
    /// <see cref="TextDetectorOptions.RecordedSizes"/>.</summary>
    public IReadOnlyList<NetworkPass> RecordedPasses => _stages.Passes.Recorded;

    /// <summary>The stages; tests look into them.</summary>
    internal DetectorStages Stages => _stages;

    /// <summary>Logs, traces and metrics; tests measure what they cost.</summary>
    internal DetectorMonitor Monitor => _monitor;

    /// <summary>Loads a model from a converted <c>.safetensors</c> file or an official <c>.pth</c> checkpoint.</summary>
    /// <param name="weightsPath">The file.</param>
    /// <param name="options">Device, sizes, post-processing; null for the defaults.</param>
    /// <exception cref="OptionException">An option makes no sense.</exception>
    /// <exception cref="WeightFormatException">The file is missing, damaged, or not a TCM model.</exception>
    /// <exception cref="DeviceException">The device is not there or has too little memory.</exception>
    public static TextDetector Load(string weightsPath, TextDetectorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(weightsPath);
        options = Checked(options);
        using var model = ModelFile.Open(weightsPath, options.TextHeads, options.DecoderHeads, options.Limits);
        return Load(model.Checkpoint, model.Config, options);
    }

    /// <summary>Loads a model from a stream with the content of such a file.</summary>
    /// <param name="weights">Read to its end, into memory that is free again when the model is built; at most 2 GiB. Stays open.</param>
    /// <param name="options">Device, sizes, post-processing; null for the defaults.</param>
    /// <exception cref="OptionException">An option makes no sense.</exception>
    /// <exception cref="WeightFormatException">The stream cannot be read, is damaged, or not a TCM model.</exception>
    /// <exception cref="DeviceException">The device is not there or has too little memory.</exception>
    public static TextDetector Load(Stream weights, TextDetectorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        options = Checked(options);
        using var model = ModelFile.Open(weights, weights is FileStream file ? file.Name : "stream of weights", options.TextHeads,
            options.DecoderHeads, options.Limits);
        return Load(model.Checkpoint, model.Config, options);
    }

    /// <summary>Loads the model that comes with Tcm, see <see cref="ShippedModel"/>.</summary>
    /// <param name="options">Device, sizes, post-processing; null for the defaults.</param>
    /// <exception cref="OptionException">An option makes no sense.</exception>
    /// <exception cref="WeightFormatException">The model is not beside the program.</exception>
    /// <exception cref="DeviceException">The device is not there or has too little memory.</exception>
    public static TextDetector LoadShipped(TextDetectorOptions? options = null)
    {
        options = Checked(options);
        return Load(ShippedModel.Find() ?? throw new WeightFormatException(
            $"{Path.Combine(AppContext.BaseDirectory, ShippedModel.FileName)}: the shipped model is not beside the program"), options);
    }

    /// <summary>Loads a model from tensors that are already at hand.</summary>
    /// <param name="checkpoint">The tensors; may be disposed afterwards.</param>
    /// <param name="config">What the model consists of.</param>
    /// <param name="options">Device, sizes, post-processing; null for the defaults.</param>
    /// <exception cref="OptionException">An option makes no sense.</exception>
    /// <exception cref="DeviceException">The device is not there or has too little memory.</exception>
    public static TextDetector Load(Checkpoint checkpoint, TcmConfig config, TextDetectorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(config);
        long start = Stopwatch.GetTimestamp();
        options = Checked(options);
        var extraction = Extractions(config, options);
        var device = SharedDevice.Open(options.Device, options.Threads, options.Precision);
        try
        {
            var detector = new TextDetector(new TcmModel(checkpoint, config, device.Backend), extraction, options, device.Dispose);
            DetectorLog.ModelLoaded(detector._monitor.Logger, config.Head, checkpoint.Path,
                Stopwatch.GetElapsedTime(start).TotalMilliseconds, device.Backend.Name, device.Backend.Description);
            return detector;
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>A detector on a backend that others use as well, which is not disposed with it.</summary>
    internal static TextDetector Over(Checkpoint checkpoint, TcmConfig config, Backend backend, TextDetectorOptions options)
    {
        var extraction = Extractions(config, Checked(options));
        return new TextDetector(new TcmModel(checkpoint, config, backend), extraction, options, () => { });
    }

    /// <summary>
    /// Runs the network and shows every named stage to <paramref name="observer"/>; the names are those of the reference
    /// (<c>input</c>, <c>x0</c>, ... <c>P</c>, <c>T</c>, <c>B</c>).
    /// </summary>
    /// <param name="image">The picture.</param>
    /// <param name="observer">Receives the stages.</param>
    /// <param name="resize">Whether the picture is resized as for detection, or only padded to multiples of 32.</param>
    /// <exception cref="ObjectDisposedException">The detector was disposed before the call.</exception>
    public void Trace(ImageBuffer image, ForwardObserver observer, bool resize = true)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(observer);
        using var call = _gate.Enter();
        _stages.Trace(image, observer, resize);
    }

    /// <summary>
    /// Does what the first pictures would pay for: compiles code and kernels, and fills the memory pool. Takes as long as one
    /// detection for each size, longer on a GPU.
    /// </summary>
    /// <param name="sizes">Sizes of pictures to come, before any resize; none for a square one.</param>
    /// <exception cref="ImageLimitException">A size is beyond the limits, or none at all.</exception>
    /// <exception cref="DeviceException">The device failed or has too little memory.</exception>
    /// <exception cref="ObjectDisposedException">The detector was disposed before the call.</exception>
    public void WarmUp(params (int Width, int Height)[] sizes) => WarmUp(sizes, CancellationToken.None);

    /// <summary>As <see cref="WarmUp(ValueTuple{int, int}[])"/>.</summary>
    /// <param name="sizes">Sizes of pictures to come, before any resize; none for a square one.</param>
    /// <param name="cancellation">Looked at before each stage and between the blocks of the network.</param>
    /// <exception cref="OperationCanceledException">Cancelled; the detector stays usable.</exception>
    /// <exception cref="ImageLimitException">A size is beyond the limits, or none at all.</exception>
    /// <exception cref="DeviceException">The device failed or has too little memory.</exception>
    /// <exception cref="ObjectDisposedException">The detector was disposed before the call.</exception>
    public void WarmUp(IReadOnlyCollection<(int Width, int Height)> sizes, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(sizes);
        using var call = _gate.Enter();
        int side = (int)Math.Min(_options.ShortSide, Math.Sqrt(_options.Limits.MaxPixels));
        (int Width, int Height)[] distinct = sizes.Count == 0 ? [(side, side)] : [.. sizes.Distinct()];
        using var span = DetectorTelemetry.Source.StartActivity("tcm.warm_up");
        long start = Stopwatch.GetTimestamp();
        foreach (var (width, height) in distinct)
        {
            if (width <= 0 || height <= 0)
            {
                throw new ImageLimitException($"WarmUp: {width}x{height} is no size of a picture");
            }
            _options.Limits.CheckPicture(width, height);
            var picture = ImageBuffer.FromOwnedRgb(new byte[3L * width * height], width, height);
            for (int i = 0; i < _stages.Passes.WarmUps; i++)
            {
                _stages.Run(picture, cancellation);
            }
        }
        DetectorLog.WarmedUp(_monitor.Logger, string.Join(", ", distinct.Select(s => $"{s.Width}x{s.Height}")),
            Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }

    /// <summary>
    /// Gives pooled memory that no call is using back to the system: on the device and of post-processing. The next call of each
    /// size takes it anew; results do not change.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The detector was disposed before the call.</exception>
    public void TrimMemory()
    {
        using var call = _gate.Enter();
        long before = Backend.Memory.Pooled;
        _stages.TrimMemory();
        DetectorLog.MemoryTrimmed(_monitor.Logger, before, Backend.Memory.Pooled);
    }

    /// <summary>Runs the network on an input of 32x32 pixels, the smallest there is: whether it still can.</summary>
    /// <exception cref="TcmException">It cannot.</exception>
    internal void Probe(CancellationToken cancellation)
    {
        using var call = _gate.Enter();
        _stages.Probe(cancellation);
    }

    /// <summary>
    /// Lets no further call in and returns at once. Calls that are running finish as usual (a <see cref="DetectManyAsync"/> that is
    /// being enumerated is one call); when the last of them ends, or now if there is none, the memory of the device is given back.
    /// A second time it does nothing.
    /// </summary>
    public void Dispose() => _gate.Close();

    private static TextDetectorOptions Checked(TextDetectorOptions? options)
    {
        options ??= new TextDetectorOptions();
        options.Validate();
        return options;
    }

    private static Func<Extraction> Extractions(TcmConfig config, TextDetectorOptions options)
    {
        var method = HeadRegistry.Find(config.Head);
        var chosen = options.PostProcessing ?? method.PostProcessing;
        OptionException.Require(chosen.GetType() == method.PostProcessing.GetType(),
            $"{nameof(TextDetectorOptions)}.{nameof(TextDetectorOptions.PostProcessing)}", chosen.GetType().Name,
            $"does not fit a {config.Head} model, which has {method.PostProcessing.GetType().Name}");
        var settings = chosen.With(options.PostProcessingSettings, method.Name);
        settings.Validate();
        return () => new Extraction(method.CreateExtractor(settings), method.CreateReduction(settings), settings);
    }
}
