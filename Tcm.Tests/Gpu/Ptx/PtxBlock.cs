using System.Numerics;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>One block of threads: warps in turn, each until it waits at the barrier.</summary>
internal sealed class PtxBlock
{
    private readonly PtxWarp[] _warps;

    public PtxBlock(PtxProgram program, int threads, PtxGlobalMemory memory, byte[] parameter, PtxProfile profile)
    {
        Program = program;
        Threads = threads;
        Memory = memory;
        Parameter = parameter;
        Profile = profile;
        Shared = new PtxSharedMemory(program.SharedBytes);
        _warps = [.. Enumerable.Range(0, threads / 32).Select(i => new PtxWarp(this, i))];
    }

    public PtxProgram Program { get; }

    public int Threads { get; }

    /// <summary>Blocks of the grid.</summary>
    public int Groups { get; private set; }

    public int Index { get; private set; }

    public PtxGlobalMemory Memory { get; }

    public PtxSharedMemory Shared { get; }

    public byte[] Parameter { get; }

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

/// <summary>What a launch did, by instruction.</summary>
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

/// <summary>Runs a grid.</summary>
internal static class PtxMachine
{
    /// <param name="program">The kernel.</param>
    /// <param name="groups">Blocks of the grid.</param>
    /// <param name="threads">Threads of a block, full warps.</param>
    /// <param name="memory">Global memory that the kernel may use.</param>
    /// <param name="parameter">As the driver gets it.</param>
    public static PtxProfile Run(PtxProgram program, int groups, int threads, PtxGlobalMemory memory, byte[] parameter)
    {
        if (parameter.Length != program.ParameterBytes)
        {
            throw new PtxException($"{program.Name}: {parameter.Length} bytes of arguments, the text declares {program.ParameterBytes}");
        }
        if (threads % 32 != 0 || (program.MaxThreads != 0 && threads > program.MaxThreads))
        {
            throw new PtxException($"{program.Name}: blocks of {threads} threads, the text allows {program.MaxThreads}");
        }
        var profile = new PtxProfile(program);
        var block = new PtxBlock(program, threads, memory, parameter, profile);
        for (int i = 0; i < groups; i++)
        {
            block.Run(i, groups);
        }
        return profile;
    }
}
