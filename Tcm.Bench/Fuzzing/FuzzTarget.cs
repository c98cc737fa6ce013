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
    /// <summary>
    /// Managed memory that reading a file may take in all, garbage included: data that is packed a thousandfold (Deflate's most) and stored
    /// in eight times as many bytes (numbers as doubles) costs 8 KiB a byte, and a buffer that grows costs as much again a few times over.
    /// </summary>
    public static long MaxAllocated(long bytes) => (16L << 20) + (bytes << 16);

    /// <summary>Runs an input; whether it is accepted.</summary>
    /// <exception cref="Exception">Anything: a find.</exception>
    public bool Accepts(byte[] input)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool accepted = true;
        try
        {
            Read(input);
        }
        catch (TcmException e)
        {
            Require(e.Message.Length > 0 && !e.Message.Contains('\n', StringComparison.Ordinal), $"the message is not one line: {e.Message}");
            accepted = false;
        }
        long taken = GC.GetAllocatedBytesForCurrentThread() - before;
        Require(taken <= MaxAllocated(input.Length), $"{input.Length} bytes took {taken} bytes of memory");
        return accepted;
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
