using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Tcm.Detect;

namespace Tcm.Samples.Service;

/// <summary>
/// Loads the detector and runs it once when the service starts, so that no request pays for it; ready from then on. Also drops maps that
/// nobody asks for. A model that cannot be loaded ends the service with its reason. Thread-safe.
/// </summary>
internal sealed class Readiness(IServiceProvider services, IOptions<ServiceOptions> options, RecentMaps recent) : BackgroundService, IHealthCheck
{
    private volatile bool _ready;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_ready ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("the detector is being loaded"));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        int side = options.Value.ShortSide;
        services.GetRequiredService<TextDetector>().WarmUp((side * 4 / 3, side));
        _ready = true;
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(1));
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                recent.DropOld();
            }
        }
        catch (OperationCanceledException)
        {
            // The service ends.
        }
    }
}
