using Tcm.Detect.Training;

namespace Tcm.Tests.Training;

/// <summary>The generator of everything random: its numbers are a promise of recipes, and they are even.</summary>
public sealed class SeededRandomTests
{
    [Fact]
    public void Numbers_are_even_and_in_range()
    {
        var random = new SeededRandom(1, 2);
        var counts = new int[10];
        double sum = 0;
        for (int i = 0; i < 100000; i++)
        {
            counts[random.Next(10)]++;
            double value = random.Range(-3, 5);
            Assert.InRange(value, -3, 5);
            sum += value;
        }
        Assert.All(counts, c => Assert.InRange(c, 9600, 10400));
        Assert.Equal(1, sum / 100000, 0.03);
    }

    [Fact]
    public void Seeds_and_streams_give_different_numbers()
    {
        var seen = new HashSet<ulong>();
        for (ulong seed = 0; seed < 50; seed++)
        {
            for (ulong stream = 0; stream < 50; stream++)
            {
                Assert.True(seen.Add(new SeededRandom(seed, stream).NextBits()), $"seed {seed}, stream {stream}");
            }
        }
    }
}
