using Tcm.Kernels;

namespace Tcm.Bench.Fuzzing;

/// <summary>
/// Something that takes bytes of strangers. Whatever they are, it accepts them or refuses them with a <see cref="TcmException"/> of one
/// line; anything else is a find.
/// </summary>
/// <param name="Name">What the command calls it.</param>
/// <param name="Description">What it reads.</param>
/// <param name="Seeds">Small sound inputs to start from.</param>
/// <param name="Read">Reads an input, and throws where the result breaks a promise. Thread-safe.</param>
internal sealed record FuzzTarget(string Name, string Description, IReadOnlyList<byte[]> Seeds, Action<byte[]> Read)
{
    private volatile bool _measured;

    /// <summary>
    /// Managed memory that reading a file may take in all, garbage included: data that is packed a thousandfold (Deflate's most) and stored
    /// in eight times as many bytes (numbers as doubles) costs 8 KiB a byte, and a buffer that grows costs as much again a few times over.
    /// </summary>
    public long MaxAllocated(long bytes) => TableBytes + (16L << 20) + (bytes << 16);

    /// <summary>Memory for what comes with every input and does not depend on it.</summary>
    public long TableBytes { get; init; }

    /// <summary>Runs an input; whether it is accepted.</summary>
    /// <exception cref="Exception">Anything: a find.</exception>
    public bool Accepts(byte[] input) => Refusal(input) is null;

    /// <summary>Runs an input; why it is refused, or null.</summary>
    /// <exception cref="Exception">Anything: a find.</exception>
    public string? Refusal(byte[] input)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        string? refusal = null;
        try
        {
            Read(input);
        }
        catch (TcmException e)
        {
            Require(e.Message.Length > 0 && !e.Message.Contains('\n', StringComparison.Ordinal), $"the message is not one line: {e.Message}");
            refusal = e.Message;
        }
        long taken = GC.GetAllocatedBytesForCurrentThread() - before;
        // Code is compiled and tables are made at the first call.
        Require(!_measured || taken <= MaxAllocated(input.Length), $"{input.Length} bytes took {taken} bytes of memory");
        _measured = true;
        return refusal;
    }

    /// <summary>States a promise.</summary>
    /// <exception cref="FuzzFindException">It is broken.</exception>
    public static void Require(bool kept, string what)
    {
        if (!kept)
        {
            throw new FuzzFindException(what);
        }
    }
}

/// <summary>A promise is broken.</summary>
internal sealed class FuzzFindException(string message) : Exception(message);
