using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Tcm.Detect.Diagnostics;
using Tcm.Detect.Models;

namespace Tcm.Detect.Hosting;

/// <summary>The one detector of a container under a key, which is loaded when it is first wanted. Thread-safe.</summary>
/// <param name="services">The container.</param>
/// <param name="key">The key; empty for the detector without one.</param>
internal sealed class DetectorHolder(IServiceProvider services, string key) : IDisposable
{
    private readonly Lock _lock = new();
    private volatile TextDetector? _detector;
    private volatile Exception? _error;
    private volatile bool _loading;
    private bool _disposed;

    /// <summary>The detector, if it is loaded.</summary>
    public TextDetector? Detector => _detector;

    /// <summary>Why it could not be loaded the last time.</summary>
    public Exception? Error => _error;

    /// <summary>Whether it is being loaded now.</summary>
    public bool IsLoading => _loading;

    /// <summary>How it shall be.</summary>
    /// <exception cref="OptionsValidationException">Not as configured.</exception>
    public TextDetectorHostOptions Options => services.GetRequiredService<IOptionsMonitor<TextDetectorHostOptions>>().Get(key);

    /// <summary>The detector, loaded and warmed up. Those who come meanwhile wait.</summary>
    /// <param name="cancellation">Looked at between loading and warm-up, and in the latter.</param>
    public TextDetector Get(CancellationToken cancellation = default)
    {
        if (_detector is { } known)
        {
            return known;
        }
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(TextDetector));
            if (_detector is { } loaded)
            {
                return loaded;
            }
            (_loading, _error) = (true, null);
            try
            {
                return _detector = Load(cancellation);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                _error = e;
                if (Logger() is { } logger)
                {
                    DetectorLog.LoadFailed(logger, e);
                }
                throw;
            }
            finally
            {
                _loading = false;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _detector?.Dispose();
        }
    }

    private TextDetector Load(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var options = Options;
        var detector = Open(options);
        try
        {
            if (options.WarmUpSizes is { Count: > 0 } || (options.WarmUpSizes is null && options.LoadOnStart))
            {
                detector.WarmUp(options.WarmUpSizes ?? [], cancellation);
            }
            return detector;
        }
        catch
        {
            detector.Dispose();
            throw;
        }
    }

    private TextDetector Open(TextDetectorHostOptions options)
    {
        var detector = options.Detector with
        {
            Logger = options.Detector.Logger ?? Logger(),
            Name = options.Detector.Name ?? (key.Length > 0 ? key : null),
        };
        if (options.OpenWeights is not null)
        {
            using var stream = options.OpenWeights();
            return TextDetector.Load(stream, detector);
        }
        return options.Weights is null ? TextDetector.LoadShipped(detector) : TextDetector.Load(Locate(options.Weights), detector);
    }

    private string Locate(string weights) => weights == ModelFile.Formula || services.GetService<IHostEnvironment>() is not { } host
        ? weights
        : Path.Combine(host.ContentRootPath, weights);

    private ILogger? Logger() => services.GetService<ILoggerFactory>()?.CreateLogger(
        key.Length > 0 ? $"{typeof(TextDetector).FullName}.{key}" : typeof(TextDetector).FullName!);
}
