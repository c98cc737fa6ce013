using Microsoft.Extensions.Diagnostics.HealthChecks;
using Tcm.Detect;

namespace Tcm.Samples.Service;

/// <summary>
/// Loads the detector and runs it once when the service starts, so that no request pays for it; ready from then on. Also drops maps that
/// nobody asks for. A model that cannot be loaded ends the service with its reason. Thread-safe.
/// </summary>
internal sealed class Readiness(IServiceProvider services, RecentMaps recent) : BackgroundService, IHealthCheck
{
    private volatile bool _ready;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_ready ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("the detector is being loaded"));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        try
        {
            // A picture with text in it: decoding and post-processing are compiled too.
            byte[] sample = await File.ReadAllBytesAsync(Path.Combine(AppContext.BaseDirectory, "wwwroot", "sample.png"), stoppingToken);
            var settings = services.GetRequiredService<TextDetector>().PostProcessing;
            await services.GetRequiredService<PictureService>().DetectAsync(new Upload("sample.png", sample), settings, keep: false, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return;
        }
        catch
        {
            // The host says why and ends; whoever started it shall see that it did not end well.
            Environment.ExitCode = 1;
            throw;
        }
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
