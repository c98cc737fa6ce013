namespace Tcm.Cli.Synthesis;

/// <summary>
/// Random numbers of one scene: SplitMix64 (Steele, Lea, Flood 2014), so that a scene depends on its seed and number alone, on
/// every runtime. One thread at a time.
/// </summary>
internal sealed class SceneRandom
{
    private ulong _state;

    /// <summary>Starts the numbers of a scene.</summary>
    public SceneRandom(long seed, long scene)
    {
        _state = (ulong)seed;
        _state = Next() ^ (ulong)scene;
        _state = Next();
    }

    private SceneRandom(ulong state) => _state = state;

    /// <summary>A stream of its own: what one part of a scene takes does not shift what the next part sees.</summary>
    public SceneRandom Split() => new(Next());

    /// <summary>Uniform in [0, 1).</summary>
    public float Unit() => (Next() >> 40) * (1f / (1 << 24));

    /// <summary>Uniform between two numbers.</summary>
    public float Between(float least, float most) => least + (most - least) * Unit();

    /// <summary>Uniform whole number in [0, <paramref name="count"/>).</summary>
    public int Below(int count) => Math.Min(count - 1, (int)(Unit() * count));

    /// <summary>Uniform whole number, both ends included.</summary>
    public int Whole(int least, int most) => least + Below(most - least + 1);

    /// <summary>True with this probability.</summary>
    public bool Chance(float probability) => Unit() < probability;

    /// <summary>Normal with mean 0 and deviation 1, by Box and Muller.</summary>
    public float Normal() => MathF.Sqrt(-2 * MathF.Log(1 - Unit())) * MathF.Cos(MathF.Tau * Unit());

    /// <summary>-1 or 1.</summary>
    public int Sign() => Chance(0.5f) ? 1 : -1;

    /// <summary>One of them.</summary>
    public T Pick<T>(IReadOnlyList<T> items) => items[Below(items.Count)];

    /// <summary>The index of a weight, with a probability in proportion to it.</summary>
    public int Weighted(ReadOnlySpan<float> weights)
    {
        float sum = 0;
        foreach (float weight in weights)
        {
            sum += weight;
        }
        float at = Unit() * sum;
        for (int i = 0; i < weights.Length; i++)
        {
            at -= weights[i];
            if (at < 0)
            {
                return i;
            }
        }
        return weights.Length - 1;
    }

    private ulong Next()
    {
        ulong z = _state += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }
}
