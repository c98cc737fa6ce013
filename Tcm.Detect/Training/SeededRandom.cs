namespace Tcm.Detect.Training;

/// <summary>
/// A small random generator (SplitMix64) whose numbers are part of a recipe's result: the same seed and stream give the same
/// numbers on every machine and version. A value type; pass it by reference.
/// </summary>
internal struct SeededRandom
{
    private const ulong Golden = 0x9E3779B97F4A7C15;
    private ulong _state;

    /// <param name="seed">Of the run.</param>
    /// <param name="stream">What it is for: a sample's number, a tensor's name.</param>
    public SeededRandom(ulong seed, ulong stream) => _state = Mix(seed + Golden) ^ Mix(~stream + Golden);

    /// <summary>64 random bits.</summary>
    public ulong NextBits() => Mix(_state += Golden);

    /// <summary>Uniform in [0,1).</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1L << 53));

    /// <summary>Uniform in [least, most).</summary>
    public double Range(double least, double most) => least + ((most - least) * NextDouble());

    /// <summary>Uniform in [0, count).</summary>
    public int Next(int count) => (int)Math.BigMul(NextBits(), (ulong)count, out _);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
