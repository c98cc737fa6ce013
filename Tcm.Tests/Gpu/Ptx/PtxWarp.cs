using System.Numerics;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>
/// 32 threads. Always the lanes that are furthest behind go on, together as long as they are at one instruction; so branches
/// join again without a stack. Lanes that meet a collective or the barrier wait.
/// </summary>
internal sealed unsafe class PtxWarp
{
    private readonly uint[] _registers;
    private readonly uint[] _defined;
    private readonly int[] _pc = new int[32];
    private uint _ready, _waiting;

    public PtxWarp(PtxBlock block, int index)
    {
        Block = block;
        Index = index;
        var program = block.Program;
        _registers = GC.AllocateArray<uint>(Math.Max(1, program.RegisterWords), pinned: true);
        Registers = (uint*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(_registers, 0);
        _defined = new uint[program.Registers.Count];
    }

    public PtxBlock Block { get; }

    /// <summary>Within the block.</summary>
    public int Index { get; }

    /// <summary>Lane 0 among the threads of the grid.</summary>
    public int FirstThread => Block.Index * Block.Threads + Index * 32;

    /// <summary>The register file, 32 lanes a register.</summary>
    public uint* Registers { get; }

    /// <summary>Copies of this warp's threads to shared memory that are under way.</summary>
    public PtxAsyncCopies Copies { get; } = new();

    /// <summary>Addresses of the lanes of the instruction under way.</summary>
    public ulong[] Addresses { get; } = new ulong[32];

    /// <summary>What ldmatrix has read.</summary>
    public uint[] Matrix { get; } = new uint[128];

    public bool IsDone => _ready == 0 && _waiting == 0;

    /// <summary>The instruction under way, for the counters.</summary>
    public int Current { get; private set; }

    /// <summary>All lanes at the start; nothing is defined but constants and special registers.</summary>
    public void Start()
    {
        Array.Clear(_pc);
        _ready = uint.MaxValue;
        _waiting = 0;
        Array.Clear(_defined);
        Copies.Clear();
        foreach (var register in Block.Program.Registers)
        {
            if (register.Constant is not { } value)
            {
                continue;
            }
            _defined[register.Index] = uint.MaxValue;
            if (register.Width == PtxWidth.Predicate)
            {
                Registers[register.Offset] = (uint)value;
                continue;
            }
            for (int lane = 0; lane < 32; lane++)
            {
                Set(register, lane, register.Special is { } special ? Special(special, lane) : value);
            }
        }
    }

    public ulong Get(PtxRegister register, int lane) => register.Width == PtxWidth.Bits64
        ? ((ulong*)(Registers + register.Offset))[lane] : Registers[register.Offset + lane];

    public void Set(PtxRegister register, int lane, ulong value)
    {
        if (register.Width == PtxWidth.Bits64)
        {
            ((ulong*)(Registers + register.Offset))[lane] = value;
        }
        else
        {
            Registers[register.Offset + lane] = (uint)value;
        }
    }

    /// <summary>Goes on after the barrier.</summary>
    public void Release()
    {
        _ready = _waiting;
        _waiting = 0;
        Advance(_ready, _ready == 0 ? 0 : _pc[BitOperations.TrailingZeroCount(_ready)] + 1);
    }

    /// <summary>Until all lanes have ended or wait at the barrier.</summary>
    public void Run()
    {
        while (_ready != 0)
        {
            int pc = int.MaxValue, next = int.MaxValue;
            uint lanes = 0;
            for (uint left = _ready; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                int at = _pc[lane];
                if (at < pc)
                {
                    next = pc;
                    pc = at;
                    lanes = 0;
                }
                else if (at > pc)
                {
                    next = Math.Min(next, at);
                }
                lanes |= at == pc ? 1u << lane : 0;
            }
            Step(pc, lanes, next);
            if (_ready == 0)
            {
                Meet();
            }
        }
    }

    /// <summary>Runs lanes at one place until they part, wait, or are where others wait to go on.</summary>
    private void Step(int pc, uint lanes, int next)
    {
        var code = Block.Program.Code;
        while (true)
        {
            if (pc >= code.Count)
            {
                throw Error("runs past the end", pc - 1, lanes);
            }
            var i = code[pc];
            Current = pc;
            uint active = lanes;
            if (i.Guard is { } guard)
            {
                Require(guard, lanes, pc);
                active &= i.GuardNegated ? ~Registers[guard.Offset] : Registers[guard.Offset];
            }
            if (active == 0)
            {
                pc++;
            }
            else
            {
                Block.Count(pc, active);
                switch (i.Flow)
                {
                    case PtxFlow.Next:
                        Execute(i, pc, active);
                        pc++;
                        break;
                    case PtxFlow.Branch when active == lanes:
                        pc = i.Target;
                        break;
                    case PtxFlow.Branch:
                        Advance(active, i.Target);
                        Advance(lanes & ~active, pc + 1);
                        return;
                    case PtxFlow.Exit:
                        if (Copies.Any(active))
                        {
                            throw Error("ends while copies to shared memory are under way", pc, active);
                        }
                        _ready &= ~active;
                        Advance(lanes & ~active, pc + 1);
                        return;
                    case PtxFlow.Collective when active == (i.Members == 0 ? uint.MaxValue : i.Members):
                        Execute(i, pc, active);
                        pc++;
                        break;
                    default:
                        Advance(active, pc);
                        Advance(lanes & ~active, pc + 1);
                        _ready &= ~active;
                        _waiting |= active;
                        return;
                }
            }
            if (pc >= next)
            {
                Advance(lanes, pc);
                return;
            }
        }
    }

    /// <summary>No lane can go on: all that are left must wait for the same.</summary>
    private void Meet()
    {
        if (_waiting == 0)
        {
            return;
        }
        int first = BitOperations.TrailingZeroCount(_waiting), pc = _pc[first];
        uint here = 0;
        for (int lane = 0; lane < 32; lane++)
        {
            here |= (_waiting >> lane & 1) != 0 && _pc[lane] == pc ? 1u << lane : 0;
        }
        var i = Block.Program.Code[pc];
        if (here != _waiting)
        {
            int other = BitOperations.TrailingZeroCount(_waiting & ~here);
            throw Error($"waits while lane {other} waits at line {Block.Program.Code[_pc[other]].Line}", pc, here);
        }
        if (i.Flow == PtxFlow.Barrier)
        {
            return;
        }
        uint members = i.Members == 0 ? uint.MaxValue : i.Members;
        if (here != members)
        {
            throw Error($"waits for lanes {members & ~here:X8} that have ended", pc, here);
        }
        _waiting = 0;
        _ready = here;
        Execute(i, pc, here);
        Advance(here, pc + 1);
    }

    private void Execute(PtxInstruction i, int pc, uint active)
    {
        foreach (var register in i.Reads)
        {
            Require(register, active, pc);
        }
        try
        {
            i.Run!(this, active);
        }
        catch (PtxFault fault)
        {
            throw Error(fault.Message, pc, fault.Lane < 0 ? active : 1u << fault.Lane);
        }
        foreach (var register in i.Writes)
        {
            _defined[register.Index] |= active;
        }
    }

    private void Require(PtxRegister register, uint lanes, int pc)
    {
        uint missing = lanes & ~_defined[register.Index];
        if (missing != 0)
        {
            throw Error($"reads {register.Name}, which nothing has written", pc, missing);
        }
    }

    private void Advance(uint lanes, int pc)
    {
        for (; lanes != 0; lanes &= lanes - 1)
        {
            _pc[BitOperations.TrailingZeroCount(lanes)] = pc;
        }
    }

    private ulong Special(string name, int lane) => name switch
    {
        "%tid.x" => (ulong)(Index * 32 + lane),
        "%ntid.x" => (ulong)Block.Threads,
        "%ctaid.x" => (ulong)Block.Index,
        "%nctaid.x" => (ulong)Block.Groups,
        _ => (ulong)lane,
    };

    private PtxException Error(string what, int pc, uint lanes)
    {
        var i = Block.Program.Code[pc];
        int thread = Index * 32 + BitOperations.TrailingZeroCount(lanes);
        return new PtxException($"{Block.Program.Name}: block {Block.Index}, thread {thread}, line {i.Line} ({i.Text}): {what}");
    }
}

/// <summary>What is wrong with an instruction's work; the warp adds where.</summary>
internal sealed class PtxFault(string message, int lane = -1) : Exception(message)
{
    public int Lane => lane;
}
