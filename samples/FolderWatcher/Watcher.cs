using Tcm.Detect;

namespace Tcm.Samples.FolderWatcher;

/// <summary>Pictures of a folder through a detector to files beside them.</summary>
internal static class Watcher
{
    /// <summary>Runs until it is told to stop, or once over what is there.</summary>
    /// <param name="detector">Loads, resizes, and finds text in at most four pictures at a time, whatever the folder holds.</param>
    /// <param name="source">Where pictures come from.</param>
    /// <param name="once">Whether to end when every picture has its result.</param>
    /// <param name="output">One line a picture.</param>
    /// <param name="error">One line for each that failed.</param>
    /// <param name="stop">Takes no further picture; those under way get their results.</param>
    /// <returns>Whether anything failed.</returns>
    public static async Task<bool> RunAsync(TextDetector detector, FolderSource source, bool once, TextWriter output, TextWriter error,
        CancellationToken stop)
    {
        bool failed = false;
        await foreach (var (path, result, problem) in detector.DetectManyAsync(source.Pictures(once, stop), cancellation: CancellationToken.None))
        {
            if (source.HasChanged(path))
            {
                // Written again, or taken away, since it was read: the next look at the folder sees that.
                continue;
            }
            try
            {
                ResultFile.Write(path, source.StampOf(path), result, problem?.Message);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // A disk that is full now may not be later: the others go on, a restart tries again.
                await error.WriteLineAsync($"{path}: the result cannot be written: {e.Message}");
                failed = true;
                continue;
            }
            failed |= problem is not null;
            await (problem is null ? output.WriteLineAsync($"{path}: {result!.Regions.Count} regions, {result.Timings.Total:0} ms")
                : error.WriteLineAsync($"{path}: {problem.Message}"));
        }
        return failed;
    }
}
