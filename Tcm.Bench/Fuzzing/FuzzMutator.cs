namespace Tcm.Bench.Fuzzing;

/// <summary>Damages inputs at random; the seed decides how.</summary>
internal sealed class FuzzMutator(int seed)
{
    /// <summary>Pieces that parsers stumble over.</summary>
    private static readonly byte[][] Splinters =
    [
        "-"u8.ToArray(), "1e39"u8.ToArray(), "NaN"u8.ToArray(), ",,"u8.ToArray(), "\n"u8.ToArray(), [0], [0xff, 0xff, 0xff, 0xff],
        [0, 0, 0, 0x80], [0xff, 0xff, 0xff, 0x7f], "\\ud800"u8.ToArray(), "\""u8.ToArray(), "[["u8.ToArray(), "{"u8.ToArray(),
        "]"u8.ToArray(), "}"u8.ToArray(), "<"u8.ToArray(), "</"u8.ToArray(), "&#0;"u8.ToArray(), "999999999999999999999"u8.ToArray(),
        "null"u8.ToArray(), "\\u0000"u8.ToArray(), "PK\u0001\u0002"u8.ToArray(), [0xef, 0xbb, 0xbf], [0xc0, 0x80],
    ];

    private readonly Random _random = new(seed);

    /// <summary>An input with one to four damages.</summary>
    /// <param name="corpus">Inputs to start from; parts of one may come into another.</param>
    public byte[] Next(IReadOnlyList<byte[]> corpus)
    {
        var bytes = new List<byte>(Pick(corpus));
        for (int n = _random.Next(1, 5); n > 0; n--)
        {
            Damage(bytes, corpus);
        }
        return [.. bytes];
    }

    private void Damage(List<byte> bytes, IReadOnlyList<byte[]> corpus)
    {
        int at = _random.Next(bytes.Count + 1), length = Math.Min(1 << _random.Next(6), bytes.Count - at);
        switch (_random.Next(9))
        {
            case 0 when at < bytes.Count:
                bytes[at] = (byte)_random.Next(256);
                break;
            case 1 when at < bytes.Count:
                bytes[at] ^= (byte)(1 << _random.Next(8));
                break;
            case 2 when at < bytes.Count:
                bytes[at] += (byte)_random.Next(-4, 5);
                break;
            case 3:
                bytes.RemoveRange(at, length);
                break;
            case 4:
                bytes.InsertRange(at, bytes.GetRange(at, length));
                break;
            case 5:
                bytes.InsertRange(at, Pick(Splinters));
                break;
            case 6:
                byte[] splinter = Pick(Splinters);
                for (int i = 0; i < splinter.Length && at + i < bytes.Count; i++)
                {
                    bytes[at + i] = splinter[i];
                }
                break;
            case 7:
                byte[] other = Pick(corpus);
                int from = _random.Next(other.Length + 1);
                bytes.InsertRange(at, other.AsSpan(from, Math.Min(length, other.Length - from)).ToArray());
                break;
            case 8:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
        }
    }

    private byte[] Pick(IReadOnlyList<byte[]> from) => from[_random.Next(from.Count)];
}
