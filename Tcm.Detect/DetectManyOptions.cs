namespace Tcm.Detect;

/// <summary>How <see cref="TextDetector.DetectManyAsync"/> runs. Immutable; safe to share between threads, as far as
/// <see cref="Progress"/> is.</summary>
public sealed record DetectManyOptions
{
    /// <summary>
    /// Pictures that are under way at the same time: taken from the source, and their result not yet consumed. It bounds memory: at
    /// most this many pictures, or what became of them, are alive. Enough for loading, network and post-processing to overlap is 4.
    /// </summary>
    public int MaxPending { get; init; } = 4;

    /// <summary>
    /// Pictures that go through the network together, at most; those of one padded size that are ready at the same moment do.
    /// Results are those of single pictures (on a GPU up to rounding). 1, the default, is right for the CPU, which a single picture
    /// fills; each further one takes as much memory again. Not more than <see cref="MaxPending"/>.
    /// </summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>
    /// Told whenever a picture has passed a stage, from threads of the pool but never by two at once. What it throws ends the run.
    /// </summary>
    public IProgress<DetectionProgress>? Progress { get; init; }

    /// <exception cref="OptionException">An option makes no sense.</exception>
    internal void Validate()
    {
        OptionException.Require(MaxPending > 0, $"{nameof(DetectManyOptions)}.{nameof(MaxPending)}", MaxPending, "must be positive");
        OptionException.Require(BatchSize > 0 && BatchSize <= MaxPending, $"{nameof(DetectManyOptions)}.{nameof(BatchSize)}", BatchSize,
            $"must be between 1 and {nameof(MaxPending)}, which is {MaxPending}");
    }
}

/// <summary>How many pictures have passed each stage so far. Immutable; a value, free to share between threads.</summary>
/// <param name="Taken">Taken from the source.</param>
/// <param name="Prepared">Loaded and resized.</param>
/// <param name="Recognized">Through the network.</param>
/// <param name="Delivered">Given to the consumer, failed ones included.</param>
/// <param name="Failed">Of those delivered, the ones with an error.</param>
public readonly record struct DetectionProgress(int Taken, int Prepared, int Recognized, int Delivered, int Failed);
