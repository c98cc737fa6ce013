using System.Diagnostics;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Tcm.Detect.Hosting;

/// <summary>Whether a detector is loaded and its device still computes: a pass over 32x32 pixels. Thread-safe.</summary>
internal sealed class TextDetectorHealthCheck(DetectorHolder holder) : IHealthCheck
{
    /// <inheritdoc/>
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var failure = context.Registration.FailureStatus;
        if (holder.Detector is not { } detector)
        {
            return holder.IsLoading ? HealthCheckResult.Degraded("is being loaded")
                : holder.Error is { } error ? new HealthCheckResult(failure, $"not loaded: {error.Message}", error)
                : HealthCheckResult.Degraded("not loaded yet: nobody has asked for it");
        }
        long start = Stopwatch.GetTimestamp();
        try
        {
            // A device that hangs does not look at the token.
            await Task.Run(() => detector.Probe(cancellationToken), cancellationToken).WaitAsync(cancellationToken)
                .ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return new HealthCheckResult(failure, e is ObjectDisposedException ? "disposed" : e.Message, e, Data(detector));
        }
        return HealthCheckResult.Healthy($"a pass takes {Stopwatch.GetElapsedTime(start).TotalMilliseconds:F1} ms", Data(detector));
    }

    private static Dictionary<string, object> Data(TextDetector detector) => new()
    {
        ["device"] = detector.Backend.Name,
        ["description"] = detector.Backend.Description,
        ["head"] = detector.Config.Head,
        ["memoryInUse"] = detector.Backend.Memory.InUse,
        ["memoryPooled"] = detector.Backend.Memory.Pooled,
    };
}
