using Tcm.Detect.Pipeline;

namespace Tcm.Detect;

public sealed partial class TextDetector
{
    /// <summary>Finds the text in one picture.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="cancellation">Looked at before each stage and between the blocks of the network.</param>
    /// <returns>Regions in pixels of <paramref name="image"/>, with the time of each stage.</returns>
    /// <exception cref="OperationCanceledException">Cancelled; the detector stays usable.</exception>
    /// <exception cref="ImageLimitException">The picture is, or would become, too large.</exception>
    /// <exception cref="Kernels.DeviceException">The device failed or has too little memory.</exception>
    /// <exception cref="ObjectDisposedException">The detector was disposed before the call.</exception>
    public DetectionResult Detect(ImageBuffer image, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        using var call = _gate.Enter();
        return Run(image, cancellation);
    }

    /// <summary>Finds the text in the pixels of a frame or a bitmap; they are copied, and not looked at after the call.</summary>
    /// <param name="pixels">The rows from top to bottom, <paramref name="stride"/> bytes apart.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="stride">Bytes between rows; 0 means that they follow each other.</param>
    /// <param name="format">Meaning of the bytes.</param>
    /// <param name="cancellation">Looked at before each stage and between the blocks of the network.</param>
    /// <returns>Regions in pixels of the frame.</returns>
    /// <exception cref="Kernels.TcmException">The sizes do not fit the number of bytes.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the detector stays usable.</exception>
    /// <exception cref="ImageLimitException">The picture is, or would become, too large.</exception>
    /// <exception cref="Kernels.DeviceException">The device failed or has too little memory.</exception>
    /// <exception cref="ObjectDisposedException">The detector was disposed before the call.</exception>
    public DetectionResult Detect(ReadOnlySpan<byte> pixels, int width, int height, int stride, PixelFormat format,
        CancellationToken cancellation = default)
    {
        using var call = _gate.Enter();
        return Run(pixels, width, height, stride, format, cancellation);
    }

    /// <summary>Finds the text in one picture on a thread of the pool.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="cancellation">Looked at before each stage and between the blocks of the network.</param>
    /// <returns>As <see cref="Detect(ImageBuffer, CancellationToken)"/>, whose exceptions the task has.</returns>
    /// <exception cref="ObjectDisposedException">The detector was disposed before the call; thrown at once.</exception>
    public Task<DetectionResult> DetectAsync(ImageBuffer image, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        return InPool(_gate.Enter(), () => Run(image, cancellation));
    }

    /// <summary>Finds the text in the pixels of a frame or a bitmap on a thread of the pool.</summary>
    /// <param name="pixels">The rows from top to bottom; must not change before the task has ended.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="stride">Bytes between rows; 0 means that they follow each other.</param>
    /// <param name="format">Meaning of the bytes.</param>
    /// <param name="cancellation">Looked at before each stage and between the blocks of the network.</param>
    /// <returns>As <see cref="Detect(ReadOnlySpan{byte}, int, int, int, PixelFormat, CancellationToken)"/>, whose exceptions the task
    /// has.</returns>
    /// <exception cref="ObjectDisposedException">The detector was disposed before the call; thrown at once.</exception>
    public Task<DetectionResult> DetectAsync(ReadOnlyMemory<byte> pixels, int width, int height, int stride, PixelFormat format,
        CancellationToken cancellation = default) =>
        InPool(_gate.Enter(), () => Run(pixels.Span, width, height, stride, format, cancellation));

    /// <summary>
    /// Finds the text in every picture of a source. Loading, resizing, network and post-processing of different pictures overlap;
    /// memory is bounded by <see cref="DetectManyOptions.MaxPending"/>, whatever the source and the consumer do. A picture that cannot
    /// be loaded or detected in has an error in its place, and the others go on; a failing device, source or progress ends the run
    /// with its exception, after the results of the pictures before. Ending the enumeration early, or the token, stops what is under
    /// way; nothing of it runs any more when the enumerator is disposed, so a loader should look at its token.
    /// </summary>
    /// <param name="pictures">The source; taken from on a thread of the pool.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellation">Looked at everywhere, also between the blocks of the network; the loaders get one that follows
    /// it.</param>
    /// <returns>One for each picture, in their order. Enumerate it once.</returns>
    /// <exception cref="OptionException">An option makes no sense.</exception>
    /// <exception cref="OperationCanceledException">While enumerating: cancelled; the detector stays usable.</exception>
    /// <exception cref="Kernels.DeviceException">While enumerating: the device failed or has too little memory.</exception>
    /// <exception cref="ObjectDisposedException">The detector was disposed before the call, or before the enumeration.</exception>
    public IAsyncEnumerable<DetectionOutput> DetectManyAsync(IAsyncEnumerable<DetectionInput> pictures,
        DetectManyOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        options ??= new DetectManyOptions();
        options.Validate();
        using var call = _gate.Enter();
        return DetectionStream.Run(_gate, _stages, _monitor, pictures, options, cancellation);
    }

    /// <summary>
    /// Runs the network over one picture and keeps what it says, for looking at its maps and for trying other settings of
    /// post-processing on them.
    /// </summary>
    /// <param name="image">The picture.</param>
    /// <param name="cancellation">Looked at before each stage and between the blocks of the network.</param>
    /// <returns>The maps, which hold nothing of the detector's memory.</returns>
    /// <exception cref="OperationCanceledException">Cancelled; the detector stays usable.</exception>
    /// <exception cref="ImageLimitException">The picture is, or would become, too large.</exception>
    /// <exception cref="Kernels.DeviceException">The device failed or has too little memory.</exception>
    /// <exception cref="ObjectDisposedException">The detector was disposed before the call.</exception>
    public DetectionMaps Analyze(ImageBuffer image, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        using var call = _gate.Enter();
        return _stages.Analyze(image, cancellation);
    }

    /// <summary>The same on a thread of the pool.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="cancellation">Looked at before each stage and between the blocks of the network.</param>
    /// <returns>As <see cref="Analyze"/>, whose exceptions the task has.</returns>
    /// <exception cref="ObjectDisposedException">The detector was disposed before the call; thrown at once.</exception>
    public Task<DetectionMaps> AnalyzeAsync(ImageBuffer image, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        return InPool(_gate.Enter(), () => _stages.Analyze(image, cancellation));
    }

    private static async Task<T> InPool<T>(CallGate.Call call, Func<T> work)
    {
        // The call began with the caller's, not when the pool has a thread: a detector that is disposed in between finishes it.
        using (call)
        {
            return await Task.Run(work, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private DetectionResult Run(ReadOnlySpan<byte> pixels, int width, int height, int stride, PixelFormat format,
        CancellationToken cancellation)
    {
        var record = _monitor.Begin(width, height);
        DetectionResult result;
        try
        {
            _options.Limits.CheckPicture(width, height);
            result = _stages.Run(ImageBuffer.From(pixels, width, height, format, stride), cancellation);
        }
        catch (Exception e)
        {
            record.Fail(e);
            throw;
        }
        record.Succeed(result);
        return result;
    }

    private DetectionResult Run(ImageBuffer image, CancellationToken cancellation)
    {
        var record = _monitor.Begin(image.Width, image.Height);
        DetectionResult result;
        try
        {
            result = _stages.Run(image, cancellation);
        }
        catch (Exception e)
        {
            record.Fail(e);
            throw;
        }
        record.Succeed(result);
        return result;
    }
}
