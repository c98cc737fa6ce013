using Tcm.Detect.Diagnostics;
using Tcm.Detect.Preprocessing;
using Tcm.Kernels;

namespace Tcm.Detect.Pipeline;

/// <summary>A picture on its way through a <see cref="DetectionStream"/>. One stage after the other owns it.</summary>
internal sealed class StreamPicture(string id, PictureRecord record)
{
    // Continuations elsewhere: the stage that completes a picture shall not run the consumer's code.
    private readonly TaskCompletionSource<DetectionOutput> _output = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _ended;

    /// <summary>What is watched of it.</summary>
    public PictureRecord Record => record;

    /// <summary>Loading and preprocessing: whether there is something for the network.</summary>
    public Task<bool> Preparation { get; set; } = Task.FromResult(false);

    /// <summary>Post-processing.</summary>
    public Task Finishing { get; set; } = Task.CompletedTask;

    /// <summary>What the consumer waits for.</summary>
    public Task<DetectionOutput> Output => _output.Task;

    public PreparedImage Prepared { get; set; }

    public int Width { get; set; }

    public int Height { get; set; }

    public double Preprocess { get; set; }

    /// <summary>Whether an exception is the picture's own misfortune and not the end of the run.</summary>
    public static bool IsOwn(Exception e) => e is TcmException and not DeviceException { IsOutOfMemory: false };

    public void Succeed(DetectionResult result) =>
        End(() => record.Succeed(result), () => _output.TrySetResult(new DetectionOutput(id, result, null)));

    /// <summary>The picture has an error; the run goes on.</summary>
    public void Fail(Exception error) =>
        End(() => record.Fail(error), () => _output.TrySetResult(new DetectionOutput(id, null, error)));

    /// <summary>The run ends where the consumer comes to this picture.</summary>
    public void Break(Exception error) => End(() => record.Fail(error), () => _output.TrySetException(error));

    /// <summary>Waits until no stage works on the picture.</summary>
    public async Task SettleAsync()
    {
        await ((Task)Preparation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Finishing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        End(record.Abandon, () => { });
    }

    // Errors may come from several stages, and when the run stops; the first counts. A logger or listener that throws ends the run:
    // the consumer must not wait for a picture that is done.
    private void End(Action tell, Action complete)
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            try
            {
                tell();
            }
            catch (Exception e)
            {
                _output.TrySetException(e);
                return;
            }
            complete();
        }
    }
}
