using Tcm.Detect.Datasets;
using Tcm.Kernels;

namespace Tcm.Detect.Training;

/// <summary>A member of the data mix. Immutable; safe to share between threads.</summary>
/// <param name="Source">Its samples.</param>
/// <param name="Section">Its share and settings.</param>
public sealed record MixMember(ISampleSource Source, DataSection Section);

/// <summary>Which sample the i-th picture of a run is: members are drawn by weight, a finite member is walked in shuffled rounds.</summary>
internal sealed class TrainingMix
{
    private readonly IReadOnlyList<MixMember> _members;
    private readonly double[] _cumulative;
    private readonly ulong _seed;

    public TrainingMix(IReadOnlyList<MixMember> members, int seed)
    {
        _members = members;
        _seed = (ulong)seed;
        _cumulative = new double[members.Count];
        double sum = 0;
        for (int i = 0; i < members.Count; i++)
        {
            sum += members[i].Source.Count == 0 ? 0 : members[i].Section.Weight;
            _cumulative[i] = sum;
        }
        if (sum <= 0)
        {
            throw new TcmException("the data mix is empty: no member has pictures and a weight above 0");
        }
    }

    /// <summary>The member and the number of its sample for picture <paramref name="index"/> of the run.</summary>
    public (MixMember Member, long Sample) Pick(long index)
    {
        var random = new SeededRandom(_seed, (ulong)index * 2 + 1);
        double place = random.NextDouble() * _cumulative[^1];
        int chosen = Array.FindIndex(_cumulative, c => place < c);
        var member = _members[chosen < 0 ? _members.Count - 1 : chosen];
        if (member.Source.Count is not { } count)
        {
            return (member, index);
        }
        // A permutation of each round without its memory: a random offset and a stride that shares no factor with the count.
        long turn = (long)(index * (member.Section.Weight / _cumulative[^1]));
        var round = new SeededRandom(_seed, (ulong)(turn / count) * 2);
        long stride = 1 + round.Next(count), offset = round.Next(count);
        while (Gcd(stride, count) != 1)
        {
            stride++;
        }
        return (member, (offset + (turn % count * stride)) % count);
    }

    private static long Gcd(long a, long b) => b == 0 ? a : Gcd(b, a % b);
}
