using System.Diagnostics;
using System.Threading.Channels;
using Tcm.Cli.Images;
using Tcm.Detect;

namespace Tcm.Cli.Inputs;

/// <summary>An input with its picture, or with the reason why it has none.</summary>
internal sealed record DecodedInput(string Path, ImageBuffer? Image, string? Error, double Milliseconds);

/// <summary>
/// Reads pictures on a thread of its own while the network works on the one before. At most two wait decoded, so memory does
/// not grow with the number of inputs; pictures so large that three of them would fill a machine are taken one at a time.
/// </summary>
internal static class DecodeAhead
{
    // 192 MB of RGB. Photographs of a camera stay far below, and scans of 200 megapixels never wait for each other in memory.
    private const long MostPixelsAhead = 64_000_000;

    /// <summary>The inputs in their order.</summary>
    public static IEnumerable<DecodedInput> Read(IReadOnlyList<Input> inputs, bool applyOrientation,
        CancellationToken cancellation) =>
        Read(inputs, input => Decode(input, applyOrientation), MostPixelsAhead, cancellation);

    /// <summary>The inputs in their order; tests stand in for the decoder and the limit.</summary>
    internal static IEnumerable<DecodedInput> Read(IReadOnlyList<Input> inputs, Func<Input, DecodedInput> decode,
        long mostPixelsAhead, CancellationToken cancellation)
    {
        // Pixels that are decoded and not yet done with; the consumer gives them back when it asks for the next picture.
        long pixels = 0;
        using var givenBack = new SemaphoreSlim(0);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        // One waits in the channel and one in the hands of the producer.
        var channel = Channel.CreateBounded<DecodedInput>(new BoundedChannelOptions(1)
        {
            SingleReader = true,
            SingleWriter = true,
        });
        var producer = Task.Run(async () =>
        {
            Exception? failure = null;
            try
            {
                foreach (var input in inputs)
                {
                    while (Interlocked.Read(ref pixels) > mostPixelsAhead)
                    {
                        await givenBack.WaitAsync(stop.Token);
                    }
                    var decoded = decode(input);
                    Interlocked.Add(ref pixels, Pixels(decoded));
                    await channel.Writer.WriteAsync(decoded, stop.Token);
                }
            }
            catch (Exception e)
            {
                failure = e;
            }
            channel.Writer.Complete(failure);
        }, CancellationToken.None);
        try
        {
            for (int i = 0; i < inputs.Count; i++)
            {
                DecodedInput next;
                try
                {
                    next = channel.Reader.ReadAsync(cancellation).AsTask().GetAwaiter().GetResult();
                }
                catch (ChannelClosedException e) when (e.InnerException is not null)
                {
                    throw e.InnerException;
                }
                long size = Pixels(next);
                yield return next;
                Interlocked.Add(ref pixels, -size);
                givenBack.Release();
            }
        }
        finally
        {
            stop.Cancel();
            producer.GetAwaiter().GetResult();
        }
    }

    private static long Pixels(DecodedInput input) => input.Image is { } image ? (long)image.Width * image.Height : 0;

    private static DecodedInput Decode(Input input, bool applyOrientation)
    {
        if (input.Error is not null)
        {
            return new DecodedInput(input.Path, null, input.Error, 0);
        }
        long start = Stopwatch.GetTimestamp();
        try
        {
            var image = ImageFile.Read(input.Path, applyOrientation);
            return new DecodedInput(input.Path, image, null, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        catch (Exception e) when (e is Kernels.TcmException)
        {
            return new DecodedInput(input.Path, null, e.Message, 0);
        }
    }
}
