namespace Tcm.Detect.Pipeline;

/// <summary>Counts what passes the stages of a <see cref="DetectionStream"/>. Thread-safe; reports one at a time, never backwards.</summary>
internal sealed class StreamProgress(IProgress<DetectionProgress>? target)
{
    private readonly Lock _lock = new();
    private DetectionProgress _count;

    public void Taken() => Report(c => c with { Taken = c.Taken + 1 });

    public void Prepared() => Report(c => c with { Prepared = c.Prepared + 1 });

    public void Recognized(int pictures) => Report(c => c with { Recognized = c.Recognized + pictures });

    public void Delivered(bool failed) =>
        Report(c => c with { Delivered = c.Delivered + 1, Failed = c.Failed + (failed ? 1 : 0) });

    private void Report(Func<DetectionProgress, DetectionProgress> step)
    {
        if (target is not null)
        {
            lock (_lock)
            {
                target.Report(_count = step(_count));
            }
        }
    }
}
