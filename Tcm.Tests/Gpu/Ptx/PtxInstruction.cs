namespace Tcm.Tests.Gpu.Ptx;

/// <summary>How a register is kept: a bit a lane, a 32-bit word a lane (16 bits too), two words a lane.</summary>
internal enum PtxWidth
{
    Predicate,
    Bits16,
    Bits32,
    Bits64,
}

/// <summary>A register of all 32 lanes.</summary>
/// <param name="Name">As in the text; for messages.</param>
/// <param name="Index">Among all registers.</param>
/// <param name="Offset">In words, in the warp's register file.</param>
/// <param name="Width">Of one lane.</param>
/// <param name="Kind">b, f, u, s of its declared type, p for a predicate.</param>
internal sealed record PtxRegister(string Name, int Index, int Offset, PtxWidth Width, char Kind)
{
    /// <summary>The value of an immediate.</summary>
    public ulong? Constant { get; set; }

    /// <summary>Such as %tid.x; the warp fills it in.</summary>
    public string? Special { get; set; }
}

/// <summary>What an instruction does to the flow of its lanes.</summary>
internal enum PtxFlow
{
    Next,
    Branch,
    Exit,

    /// <summary>Waits for all lanes of the warp, or those that its mask names.</summary>
    Collective,

    /// <summary>Waits for all threads of the block.</summary>
    Barrier,
}

/// <summary>Executes an instruction for the lanes of a mask.</summary>
internal delegate void PtxExecute(PtxWarp warp, uint lanes);

/// <summary>One decoded instruction.</summary>
internal sealed class PtxInstruction
{
    public required int Line { get; init; }

    public required string Text { get; init; }

    /// <summary>With all its suffixes.</summary>
    public required string Mnemonic { get; init; }

    public PtxFlow Flow { get; init; }

    /// <summary>The predicate that guards it; null for none.</summary>
    public PtxRegister? Guard { get; init; }

    public bool GuardNegated { get; init; }

    /// <summary>Where a branch goes.</summary>
    public int Target { get; init; }

    /// <summary>The lanes that a collective needs; 0 means all of the warp.</summary>
    public uint Members { get; init; }

    public PtxExecute? Run { get; init; }

    /// <summary>Registers that must have been written.</summary>
    public required PtxRegister[] Reads { get; init; }

    public required PtxRegister[] Writes { get; init; }
}

/// <summary>An error in a text, or in what a kernel does; the message says where.</summary>
internal sealed class PtxException : Exception
{
    public PtxException(string message)
        : base(message)
    {
    }

    public PtxException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

/// <summary>The fundamental types of PTX.</summary>
internal static class PtxTypes
{
    public static PtxWidth Width(string type) => type switch
    {
        "pred" => PtxWidth.Predicate,
        "b16" or "u16" or "s16" or "f16" => PtxWidth.Bits16,
        "b32" or "u32" or "s32" or "f32" => PtxWidth.Bits32,
        "b64" or "u64" or "s64" or "f64" => PtxWidth.Bits64,
        _ => throw new FormatException($"unknown type .{type}"),
    };

    /// <summary>Bytes in memory.</summary>
    public static int Bytes(string type) => type switch
    {
        "b8" or "u8" or "s8" => 1,
        "b16" or "u16" or "s16" or "f16" => 2,
        "b32" or "u32" or "s32" or "f32" => 4,
        "b64" or "u64" or "s64" or "f64" => 8,
        _ => throw new FormatException($"unknown type .{type}"),
    };
}
