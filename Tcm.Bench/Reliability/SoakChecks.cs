using Tcm.Detect;
using Tcm.Kernels;

namespace Tcm.Bench.Reliability;

/// <summary>What <c>soak</c> does to a detector beside many pictures. Every check returns what it saw, or throws what broke.</summary>
/// <param name="weights">The model.</param>
/// <param name="options">Of its detectors.</param>
/// <param name="pictures">Of several sizes.</param>
/// <param name="expected">Their results, see <see cref="DetectorBits"/>.</param>
internal sealed class SoakChecks(string weights, TextDetectorOptions options, IReadOnlyList<ImageBuffer> pictures, IReadOnlyList<string> expected)
{
    /// <summary>Cancels before each stage and each block of the network, and at random moments.</summary>
    public string Cancel(TextDetector detector, int rounds, int seed)
    {
        var stages = new List<string>();
        detector.Stages.Entering = stages.Add;
        detector.Detect(pictures[0]);
        long inUse = detector.Backend.Memory.InUse;
        foreach (string stage in stages)
        {
            using var source = new CancellationTokenSource();
            detector.Stages.Entering = entered =>
            {
                if (entered == stage)
                {
                    source.Cancel();
                }
            };
            Require(Cancelled(() => detector.Detect(pictures[0], source.Token)), $"cancelled in {stage}, the call went on");
            Require(detector.Backend.Memory.InUse == inUse, $"cancelled in {stage}, memory is lent");
        }
        detector.Stages.Entering = null;
        var random = new Random(seed);
        int cancelled = 0, calls = 10 * rounds;
        for (int i = 0; i < calls; i++)
        {
            using var source = new CancellationTokenSource(random.Next(30));
            var task = detector.DetectAsync(pictures[i % pictures.Count], source.Token);
            cancelled += Cancelled(() => task.GetAwaiter().GetResult()) ? 1 : 0;
            Require(detector.Backend.Memory.InUse == inUse, "cancelled at a random moment, memory is lent");
        }
        RequireSameResults(detector);
        return $"{stages.Count} stages and blocks, and {cancelled} of {calls} calls at random moments: {inUse - detector.Backend.Memory.InUse} bytes left behind";
    }

    /// <summary>Disposes before, during and after use.</summary>
    public string Dispose(int callers, int rounds, int seed)
    {
        var random = new Random(seed);
        int finished = 0, refused = 0;
        for (int round = 0; round < rounds; round++)
        {
            var detector = TextDetector.Load(weights, options);
            string? broken = null;
            var threads = Enumerable.Range(0, callers).Select(caller => new Thread(() =>
            {
                for (int i = caller; Volatile.Read(ref broken) is null; i++)
                {
                    try
                    {
                        if (DetectorBits.Of(detector.Detect(pictures[i % pictures.Count])) != expected[i % pictures.Count])
                        {
                            broken = "another result while it is being disposed";
                        }
                        Interlocked.Increment(ref finished);
                    }
                    catch (ObjectDisposedException)
                    {
                        Interlocked.Increment(ref refused);
                        return;
                    }
                    catch (Exception e)
                    {
                        broken = $"{e.GetType().Name}: {e.Message}";
                    }
                }
            })).ToList();
            // The first round disposes before anything is called.
            if (round == 0)
            {
                detector.Dispose();
            }
            threads.ForEach(t => t.Start());
            Thread.Sleep(random.Next(100));
            detector.Dispose();
            threads.ForEach(t => t.Join());
            detector.Dispose();
            Require(broken is null, broken!);
            var memory = detector.Backend.Memory;
            Require(memory is { InUse: 0, Pooled: 0 }, $"{memory.InUse} bytes lent and {memory.Pooled} kept after the disposal");
        }
        return $"{rounds} detectors disposed under {callers} threads: {finished} calls finished with the same bits, {refused} got ObjectDisposedException, 0 bytes kept";
    }

    private void RequireSameResults(TextDetector detector)
    {
        for (int i = 0; i < pictures.Count; i++)
        {
            Require(DetectorBits.Of(detector.Detect(pictures[i])) == expected[i], "another result afterwards");
        }
    }

    private static bool Cancelled(Action call)
    {
        try
        {
            call();
            return false;
        }
        catch (OperationCanceledException)
        {
            return true;
        }
    }

    private static void Require(bool kept, string broken)
    {
        if (!kept)
        {
            throw new TcmException(broken);
        }
    }
}
