using Microsoft.Extensions.Hosting;

namespace Tcm.Detect.Hosting;

/// <summary>Loads a detector while the host starts, before its other services do, if it shall. Thread-safe.</summary>
internal sealed class DetectorStart(DetectorHolder holder) : IHostedLifecycleService
{
    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => holder.Options.LoadOnStart
        // A start that is given up shall not wait for a file of half a gigabyte.
        ? Task.Run(() => holder.Get(cancellationToken), cancellationToken).WaitAsync(cancellationToken)
        : Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
