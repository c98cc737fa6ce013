using System.Runtime.CompilerServices;
using Tcm.Detect;

namespace Tcm.Tests.Detector;

/// <summary>Sources of pictures for <see cref="TextDetector.DetectManyAsync"/>.</summary>
internal static class Sources
{
    public static IAsyncEnumerable<DetectionInput> Of(IEnumerable<ImageBuffer> pictures) =>
        Of([.. pictures.Select((p, i) => DetectionInput.From($"{i}", () => p))]);

    public static async IAsyncEnumerable<DetectionInput> Of(params DetectionInput[] inputs)
    {
        foreach (var input in inputs)
        {
            await Task.Yield();
            yield return input;
        }
    }

    /// <summary>Without end, until it is cancelled.</summary>
    public static async IAsyncEnumerable<DetectionInput> Endless(Func<int, DetectionInput> input,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        for (int i = 0; ; i++)
        {
            await Task.Yield();
            cancellation.ThrowIfCancellationRequested();
            yield return input(i);
        }
    }

    public static async Task<List<DetectionOutput>> ToList(IAsyncEnumerable<DetectionOutput> outputs)
    {
        var list = new List<DetectionOutput>();
        await foreach (var output in outputs)
        {
            list.Add(output);
        }
        return list;
    }
}
