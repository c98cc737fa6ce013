using System.Numerics;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>One block of threads: warps in turn, each until it waits at the barrier.</summary>
internal sealed class PtxBlock
{
    private readonly PtxWarp[] _warps;

    public PtxBlock(PtxProgram program, int threads)
    {
        Program = program;
        Threads = threads;
        Profile = new PtxProfile(program);
        Shared = new PtxSharedMemory(program.SharedBytes);
        _warps = [.. Enumerable.Range(0, threads / 32).Select(i => new PtxWarp(this, i))];
    }

    public PtxProgram Program { get; }

    public int Threads { get; }

    /// <summary>Blocks of the grid.</summary>
    public int Groups { get; private set; }

    public int Index { get; private set; }

    public PtxGlobalMemory Memory { get; set; } = new();

    public PtxSharedMemory Shared { get; }

    public byte[] Parameter { get; set; } = [];

    public PtxProfile Profile { get; }

    public void Count(int instruction, uint lanes)
    {
        Profile.Warps[instruction]++;
        Profile.Lanes[instruction] += BitOperations.PopCount(lanes);
    }

    public void Run(int index, int groups)
    {
        (Index, Groups) = (index, groups);
        Shared.Start();
        foreach (var warp in _warps)
        {
            warp.Start();
        }
        while (true)
        {
            bool open = false;
            foreach (var warp in _warps)
            {
                warp.Run();
                open |= !warp.IsDone;
            }
            if (!open)
            {
                return;
            }
            // All that have not ended wait here: the barrier opens.
            Shared.Barrier();
            foreach (var warp in _warps)
            {
                warp.Release();
            }
        }
    }
}

/// <summary>What launches did, by instruction.</summary>
internal sealed class PtxProfile(PtxProgram program)
{
    public PtxProgram Program => program;

    /// <summary>Times a warp executed it, with any number of lanes.</summary>
    public long[] Warps { get; } = new long[program.Code.Count];

    public long[] Lanes { get; } = new long[program.Code.Count];

    /// <summary>Shared memory: passes over the 32 banks, and those that an access without conflicts takes.</summary>
    public long[] Passes { get; } = new long[program.Code.Count];

    public long[] IdealPasses { get; } = new long[program.Code.Count];

    /// <summary>Global memory: sectors of 32 bytes, and those that its bytes would fill.</summary>
    public long[] Sectors { get; } = new long[program.Code.Count];

    public long[] IdealSectors { get; } = new long[program.Code.Count];

    public long Executed => Lanes.Sum();
}

/// <summary>Runs grids of one kernel.</summary>
internal sealed class PtxMachine
{
    private readonly PtxProgram _program;
    private readonly PtxBlock _block;

    /// <param name="program">The kernel.</param>
    /// <param name="threads">Threads of a block, full warps.</param>
    public PtxMachine(PtxProgram program, int threads)
    {
        if (threads % 32 != 0 || (program.MaxThreads != 0 && threads > program.MaxThreads))
        {
            throw new PtxException($"{program.Name}: blocks of {threads} threads, the text allows {program.MaxThreads}");
        }
        _program = program;
        _block = new PtxBlock(program, threads);
    }

    /// <summary>What all runs did.</summary>
    public PtxProfile Profile => _block.Profile;

    /// <param name="groups">Blocks of the grid.</param>
    /// <param name="memory">Global memory that the kernel may use.</param>
    /// <param name="parameter">As the driver gets it.</param>
    public void Run(int groups, PtxGlobalMemory memory, byte[] parameter)
    {
        if (parameter.Length != _program.ParameterBytes)
        {
            throw new PtxException(
                $"{_program.Name}: {parameter.Length} bytes of arguments, the text declares {_program.ParameterBytes}");
        }
        (_block.Memory, _block.Parameter) = (memory, parameter);
        for (int i = 0; i < groups; i++)
        {
            _block.Run(i, groups);
        }
    }
}
