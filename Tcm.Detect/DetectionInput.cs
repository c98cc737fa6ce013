namespace Tcm.Detect;

/// <summary>
/// One picture for <see cref="TextDetector.DetectManyAsync"/>. Immutable; <see cref="Load"/> is called once, on a thread of the pool,
/// while those of other pictures may be running.
/// </summary>
/// <param name="Id">Returned with the result; need not be unique.</param>
/// <param name="Load">
/// Fetches and decodes the picture. It gets a token that stops when the run does. Whatever it throws becomes the picture's error.
/// </param>
public sealed record DetectionInput(string Id, Func<CancellationToken, ValueTask<ImageBuffer>> Load)
{
    /// <summary>Returned with the result; need not be unique.</summary>
    public string Id { get; init; } = Id ?? throw new ArgumentNullException(nameof(Id));

    /// <summary>Fetches and decodes the picture.</summary>
    public Func<CancellationToken, ValueTask<ImageBuffer>> Load { get; init; } = Load ?? throw new ArgumentNullException(nameof(Load));

    /// <summary>A picture that is loaded by a function that does not wait, such as a decoder.</summary>
    /// <param name="id">Returned with the result.</param>
    /// <param name="load">Fetches and decodes.</param>
    public static DetectionInput From(string id, Func<ImageBuffer> load)
    {
        ArgumentNullException.ThrowIfNull(load);
        return new(id, _ => ValueTask.FromResult(load()));
    }
}

/// <summary>
/// What became of one picture: <see cref="Result"/>, or <see cref="Error"/> for a picture that could not be loaded or detected in.
/// Immutable; safe to share between threads.
/// </summary>
/// <param name="Id">That of its <see cref="DetectionInput"/>.</param>
/// <param name="Result">What was found; null with an error.</param>
/// <param name="Error">Why there is no result; null with one.</param>
public sealed record DetectionOutput(string Id, DetectionResult? Result, Exception? Error);
