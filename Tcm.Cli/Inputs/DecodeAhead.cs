using System.Diagnostics;
using System.Threading.Channels;
using Tcm.Cli.Images;
using Tcm.Detect;

namespace Tcm.Cli.Inputs;

/// <summary>An input with its picture, or with the reason why it has none.</summary>
internal sealed record DecodedInput(string Path, ImageBuffer? Image, string? Error, double Milliseconds);

/// <summary>
/// Reads pictures on a thread of its own while the network works on the one before. At most two wait decoded, so memory does
/// not grow with the number of inputs.
/// </summary>
internal static class DecodeAhead
{
    /// <summary>The inputs in their order.</summary>
    public static IEnumerable<DecodedInput> Read(IReadOnlyList<Input> inputs, bool applyOrientation, CancellationToken cancellation)
    {
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
                    await channel.Writer.WriteAsync(Decode(input, applyOrientation), stop.Token);
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
                yield return next;
            }
        }
        finally
        {
            stop.Cancel();
            producer.GetAwaiter().GetResult();
        }
    }

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
        catch (OutOfMemoryException)
        {
            return new DecodedInput(input.Path, null, $"{input.Path}: not enough memory for this picture", 0);
        }
    }
}
