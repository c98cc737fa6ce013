using Microsoft.Extensions.Diagnostics.HealthChecks;
using Tcm.Detect;
using Tcm.Detect.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds health checks of <see cref="TextDetector"/>s. Thread-safe as far as the builder is.</summary>
public static class TcmHealthChecksBuilderExtensions
{
    /// <summary>
    /// Adds a check of a detector that was added with <see cref="TcmServiceCollectionExtensions"/>: healthy if it is loaded and a
    /// pass over 32x32 pixels works, which takes milliseconds; degraded while it is being loaded or nobody has asked for it yet;
    /// else the failure status, with the reason. Never loads the detector. It waits for its turn on a busy device: give it a
    /// timeout.
    /// </summary>
    /// <param name="builder">What <c>services.AddHealthChecks()</c> returns.</param>
    /// <param name="name">Name of the check.</param>
    /// <param name="key">The detector's key; null for the one without.</param>
    /// <param name="failureStatus">Status of a detector that does not work; null for <see cref="HealthStatus.Unhealthy"/>.</param>
    /// <param name="tags">To choose checks by.</param>
    /// <param name="timeout">Null for none.</param>
    public static IHealthChecksBuilder AddTcmTextDetector(this IHealthChecksBuilder builder, string name = "tcm-text-detector",
        string? key = null, HealthStatus? failureStatus = null, IEnumerable<string>? tags = null, TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(name);
        return builder.Add(new HealthCheckRegistration(name,
            s => new TextDetectorHealthCheck(TcmServiceCollectionExtensions.Holder(s, key ?? Options.Options.DefaultName)),
            failureStatus, tags, timeout));
    }
}
