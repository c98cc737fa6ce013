using System.Numerics;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>
/// How many 32-bit registers a text needs at once: the values that are still read later, by backward data flow (Aho et al.,
/// Compilers, section 9.2.5). ptxas may put instructions into an order that needs fewer, but moves no access to memory over a
/// barrier: what is kept there is kept in any order.
/// </summary>
internal sealed class PtxLiveness
{
    private readonly PtxProgram _program;
    private readonly int[] _size;
    private readonly ulong[][] _live;

    private PtxLiveness(PtxProgram program)
    {
        _program = program;
        _size = Sizes(program);
        int words = (_size.Length + 63) / 64;
        _live = [.. Enumerable.Range(0, program.Code.Count + 1).Select(_ => new ulong[words])];
        while (Pass())
        {
        }
    }

    public static PtxLiveness Of(PtxProgram program) => new(program);

    /// <summary>The most registers that any instruction meets in the order that is written, and that instruction.</summary>
    public (int Registers, PtxInstruction At) AsWritten => _program.Code.Index().Select(c => (Registers(c.Index), c.Item)).MaxBy(c => c.Item1);

    /// <summary>The most registers that are kept at a barrier, or at the end of a text without any.</summary>
    public int AtBarriers => _program.Code.Index().Where(c => c.Item.Flow is PtxFlow.Barrier or PtxFlow.Exit).Max(c => Registers(c.Index));

    /// <summary>
    /// 32-bit registers of each; none for predicates, which have their own, nor for what an instruction can take from the constant bank
    /// or make anew: parameters, immediates, %tid and its like.
    /// </summary>
    private static int[] Sizes(PtxProgram program)
    {
        var sizes = new int[program.Registers.Count];
        foreach (var register in program.Registers.Where(r => r.Constant is null && r.Special is null))
        {
            sizes[register.Index] = register.Width switch { PtxWidth.Predicate => 0, PtxWidth.Bits64 => 2, _ => 1 };
        }
        foreach (var (register, writers) in program.Code.SelectMany(i => i.Writes.Select(w => (w, i))).GroupBy(p => p.w, p => p.i)
            .Select(g => (g.Key, g)))
        {
            if (writers.All(i => i.Mnemonic.StartsWith("ld.param", StringComparison.Ordinal)
                || (i.Mnemonic.StartsWith("mov.", StringComparison.Ordinal) && i.Reads.All(r => r.Constant is not null || r.Special is not null))))
            {
                sizes[register.Index] = 0;
            }
        }
        return sizes;
    }

    /// <summary>One pass from the end to the beginning; whether anything changed.</summary>
    private bool Pass()
    {
        bool changed = false;
        var next = new ulong[_live[0].Length];
        for (int i = _program.Code.Count - 1; i >= 0; i--)
        {
            var instruction = _program.Code[i];
            After(i, next);
            foreach (var register in instruction.Writes.Where(_ => instruction.Guard is null))
            {
                next[register.Index / 64] &= ~(1UL << register.Index);
            }
            foreach (var register in instruction.Guard is { } guard ? [.. instruction.Reads, guard] : instruction.Reads)
            {
                next[register.Index / 64] |= 1UL << register.Index;
            }
            if (!next.AsSpan().SequenceEqual(_live[i]))
            {
                next.CopyTo(_live[i], 0);
                changed = true;
            }
        }
        return changed;
    }

    /// <summary>What is live behind an instruction.</summary>
    private void After(int i, ulong[] result)
    {
        var instruction = _program.Code[i];
        bool goesOn = instruction.Flow is not (PtxFlow.Branch or PtxFlow.Exit) || instruction.Guard is not null;
        var below = goesOn ? _live[i + 1] : _live[^1];
        var target = instruction.Flow == PtxFlow.Branch ? _live[instruction.Target] : _live[^1];
        for (int word = 0; word < result.Length; word++)
        {
            result[word] = below[word] | target[word];
        }
    }

    private int Registers(int i)
    {
        var behind = new ulong[_live[0].Length];
        After(i, behind);
        foreach (var register in _program.Code[i].Writes)
        {
            behind[register.Index / 64] |= 1UL << register.Index;
        }
        int sum = 0;
        for (int word = 0; word < behind.Length; word++)
        {
            for (ulong bits = behind[word]; bits != 0; bits &= bits - 1)
            {
                sum += _size[(word * 64) + BitOperations.TrailingZeroCount(bits)];
            }
        }
        return sum;
    }
}
