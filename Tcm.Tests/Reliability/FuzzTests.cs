using System.Text;
using Tcm.Bench.Fuzzing;
using Tcm.Kernels;

namespace Tcm.Tests.Reliability;

/// <summary>A short run of every fuzz target, the same one each time.</summary>
public sealed class FuzzTests
{
    public static TheoryData<string> Targets => [.. FuzzTargets.All.Select(t => t.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Damaged_inputs_are_accepted_or_refused_with_a_line(string target)
    {
        var (tried, accepted, finds) = FuzzCommand.Mutate(FuzzTargets.Find(target), TimeSpan.FromSeconds(1), most: 1500, seed: 7);
        Assert.True(finds.Count == 0, string.Join('\n', finds.Select(f => $"{Convert.ToBase64String(f.Input)}: {f.Error}")));
        // The seeds are accepted, or it throws.
        Assert.InRange(tried, 2, 1500);
        Assert.True(accepted < tried || target is "tokens" or "db" or "pan" or "fce" or "pixels" or "vocabulary", "nothing is refused");
    }

    [Fact]
    public void A_find_is_found()
    {
        var careless = new FuzzTarget("careless", "", [Encoding.UTF8.GetBytes("1,2")], input => _ = int.Parse(Encoding.UTF8.GetString(input).Split(',')[1]));
        Assert.NotEmpty(FuzzCommand.Mutate(careless, TimeSpan.FromSeconds(5), most: 200, seed: 1).Finds);
        var greedy = new FuzzTarget("greedy", "", [[1]], input => GC.KeepAlive(new byte[input.Length * 30_000_000]));
        Assert.True(greedy.Accepts([]));
        Assert.Throws<FuzzFindException>(() => greedy.Accepts([1]));
        var wordy = new FuzzTarget("wordy", "", [[1]], _ => throw new TcmException("two\nlines"));
        Assert.Throws<FuzzFindException>(() => wordy.Accepts([1]));
    }
}
