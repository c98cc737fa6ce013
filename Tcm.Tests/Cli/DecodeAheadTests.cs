using Tcm.Cli.Inputs;
using Tcm.Detect;

namespace Tcm.Tests.Cli;

/// <summary>How far the decoder runs ahead.</summary>
public sealed class DecodeAheadTests
{
    [Theory]
    [InlineData(1000, 3)]
    [InlineData(0, 1)]
    public void KeepsOrderAndTheNumberOfPicturesInMemorySmall(int mostPixels, int mostAlive)
    {
        var inputs = Enumerable.Range(0, 40).Select(i => new Input($"{i}")).ToList();
        int decoded = 0, done = 0, alive = 0;
        var seen = new List<string>();
        foreach (var next in DecodeAhead.Read(inputs, Decode, mostPixels, CancellationToken.None))
        {
            seen.Add(next.Path);
            Thread.Sleep(2);
            Interlocked.Increment(ref done);
        }
        Assert.Equal(inputs.Select(input => input.Path), seen);
        Assert.InRange(alive, 1, mostAlive);

        DecodedInput Decode(Input input)
        {
            // The picture in use, those that wait, and this one. 'done' runs a moment before the reader gives pixels back, so
            // it never makes the number too large.
            alive = Math.Max(alive, ++decoded - Volatile.Read(ref done));
            return new DecodedInput(input.Path, ImageBuffer.From(new byte[12], 2, 2, PixelFormat.Rgb24), null, 0);
        }
    }

    [Fact]
    public void StopsWhileItWaitsForPixels()
    {
        using var stop = new CancellationTokenSource();
        var inputs = Enumerable.Range(0, 5).Select(i => new Input($"{i}")).ToList();
        int seen = 0;
        Assert.ThrowsAny<OperationCanceledException>(() =>
        {
            foreach (var _ in DecodeAhead.Read(inputs, Decode, 0, stop.Token))
            {
                seen++;
                stop.Cancel();
            }
        });
        Assert.Equal(1, seen);

        static DecodedInput Decode(Input input) =>
            new(input.Path, ImageBuffer.From(new byte[12], 2, 2, PixelFormat.Rgb24), null, 0);
    }
}
