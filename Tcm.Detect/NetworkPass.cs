namespace Tcm.Detect;

/// <summary>The network at one size of input, recorded so that it can be replayed; see
/// <see cref="TextDetectorOptions.RecordedSizes"/>. Immutable.</summary>
/// <param name="Pictures">Pictures that go through together.</param>
/// <param name="Height">Rows of the input.</param>
/// <param name="Width">Columns of the input.</param>
/// <param name="IsGraph">Whether the driver replays it as one launch (a CUDA graph).</param>
/// <param name="Reason">Why it is no graph although the device has them, else null.</param>
public sealed record NetworkPass(int Pictures, int Height, int Width, bool IsGraph, string? Reason);
