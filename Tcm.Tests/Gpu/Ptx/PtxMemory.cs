namespace Tcm.Tests.Gpu.Ptx;

/// <summary>What a launch's arguments name of the host's memory, which is the device's here.</summary>
internal sealed class PtxGlobalMemory
{
    private readonly List<(ulong Start, ulong End)> _extents = [];
    private readonly Dictionary<ulong, int> _writers = [];
    private ulong _start, _end;

    public void Add(ulong start, long bytes)
    {
        if (bytes > 0)
        {
            _extents.Add((start, start + (ulong)bytes));
        }
    }

    /// <exception cref="PtxFault">An address is outside of all views or not a multiple of the access.</exception>
    public void Check(ulong address, int bytes, int lane)
    {
        if (address % (ulong)bytes != 0)
        {
            throw new PtxFault($"address {address:X} is not a multiple of {bytes}", lane);
        }
        // The view of the last access, most often.
        if (address >= _start && address + (ulong)bytes <= _end)
        {
            return;
        }
        foreach (var (start, end) in _extents)
        {
            if (address >= start && address + (ulong)bytes <= end)
            {
                (_start, _end) = (start, end);
                return;
            }
        }
        var near = _extents.OrderBy(e => Math.Min(Distance(address, e.Start), Distance(address, e.End))).FirstOrDefault();
        throw new PtxFault($"{bytes} bytes at {address:X} are in no view; the nearest is {near.Start:X} to {near.End:X}", lane);
    }

    /// <summary>Two threads of a grid must not write different values to one word.</summary>
    /// <param name="address">Of four bytes or fewer; checked.</param>
    /// <param name="thread">Of the grid.</param>
    /// <param name="changes">Whether the value differs from what is there.</param>
    /// <param name="lane">For messages.</param>
    public void Write(ulong address, int thread, bool changes, int lane)
    {
        if (!_writers.TryAdd(address, thread))
        {
            if (changes && _writers[address] != thread)
            {
                throw new PtxFault($"writes {address:X}, to which thread {_writers[address]} of the grid wrote another value", lane);
            }
            _writers[address] = thread;
        }
    }

    private static ulong Distance(ulong a, ulong b) => a > b ? a - b : b - a;
}

/// <summary>
/// Shared memory of a block. Each word knows who wrote and read it since the last barrier: what two threads do to one word without a
/// barrier between them, one of them writing, is an error, as is reading what was never written.
/// </summary>
internal sealed unsafe class PtxSharedMemory
{
    private const int Nobody = int.MinValue, Many = int.MinValue + 1, Atomics = int.MinValue + 2;

    private readonly byte[] _bytes;
    private readonly byte* _data;
    private readonly int[] _writer, _reader;
    private readonly int[] _written, _read;
    private readonly bool[] _pending;
    private int _epoch, _firstEpoch;

    public PtxSharedMemory(int bytes)
    {
        _bytes = GC.AllocateArray<byte>(bytes + 16, pinned: true);
        _data = (byte*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0);
        Bytes = bytes;
        int words = (bytes + 3) / 4;
        (_writer, _reader, _written, _read) = (new int[words], new int[words], new int[words], new int[words]);
        _pending = new bool[words];
    }

    public int Bytes { get; }

    /// <summary>A new block: what the last one left is no number.</summary>
    public void Start()
    {
        _bytes.AsSpan().Fill(0xFF);
        _pending.AsSpan().Clear();
        _firstEpoch = ++_epoch;
    }

    public void Barrier() => _epoch++;

    /// <summary>The name of a warp that reads as a whole.</summary>
    public static int Warp(int index) => -1 - index;

    /// <summary>The place of an access.</summary>
    public byte* At(ulong address, int bytes, int lane)
    {
        if (address % (ulong)bytes != 0)
        {
            throw new PtxFault($"address {address} in shared memory is not a multiple of {bytes}", lane);
        }
        if (address < PtxProgram.SharedBase || address + (ulong)bytes > (ulong)(PtxProgram.SharedBase + Bytes))
        {
            throw new PtxFault($"{bytes} bytes at {(long)address - PtxProgram.SharedBase} of {Bytes} in shared memory", lane);
        }
        return _data + (address - PtxProgram.SharedBase);
    }

    /// <param name="address">Checked.</param>
    /// <param name="bytes">Of the access.</param>
    /// <param name="reader">A thread, or a <see cref="Warp"/>.</param>
    /// <param name="lane">For messages.</param>
    public void Read(ulong address, int bytes, int reader, int lane)
    {
        int first = (int)(address - PtxProgram.SharedBase) / 4, end = (int)(address - PtxProgram.SharedBase + (ulong)bytes + 3) / 4;
        for (int i = first; i < end; i++)
        {
            if (_pending[i])
            {
                throw new PtxFault($"reads word {i} of shared memory, to which a copy is under way", lane);
            }
            if (_written[i] < _firstEpoch)
            {
                throw new PtxFault($"reads word {i} of shared memory, which no thread of the block has written", lane);
            }
            if (_written[i] == _epoch && _writer[i] != reader)
            {
                throw new PtxFault($"reads word {i} of shared memory, which {Who(_writer[i])} wrote since the last barrier", lane);
            }
            _reader[i] = _read[i] == _epoch && _reader[i] != reader ? Many : reader;
            _read[i] = _epoch;
        }
    }

    public void Write(ulong address, int bytes, int writer, int lane, bool atomic = false, bool pending = false)
    {
        int first = (int)(address - PtxProgram.SharedBase) / 4, end = (int)(address - PtxProgram.SharedBase + (ulong)bytes + 3) / 4;
        int who = atomic ? Atomics : writer;
        for (int i = first; i < end; i++)
        {
            if (_written[i] == _epoch && _writer[i] != who)
            {
                throw new PtxFault($"writes word {i} of shared memory, which {Who(_writer[i])} wrote since the last barrier", lane);
            }
            // A warp that has read as a whole is past that read with all lanes.
            if (_read[i] == _epoch && _reader[i] != writer && _reader[i] != Warp(writer / 32))
            {
                throw new PtxFault($"writes word {i} of shared memory, which {Who(_reader[i])} read since the last barrier", lane);
            }
            if (atomic && _written[i] < _firstEpoch)
            {
                throw new PtxFault($"adds to word {i} of shared memory, which no thread of the block has written", lane);
            }
            _pending[i] = pending;
            _writer[i] = who;
            _written[i] = _epoch;
        }
    }

    private static string Who(int user) => user switch
    {
        Many => "several threads",
        Atomics => "an atomic operation",
        Nobody => "nobody",
        < 0 => $"warp {-1 - user}",
        _ => $"thread {user}",
    };
}

/// <summary>
/// cp.async of one warp's threads. A copy is made when its thread waits for it, not before; from its issue on the place holds no
/// numbers, so that what is read too soon shows.
/// </summary>
internal sealed unsafe class PtxAsyncCopies
{
    private readonly List<(int Lane, int Group, ulong To, ulong From, int Bytes, int Read)> _open = [];
    private readonly int[] _group = new int[32];

    public void Clear()
    {
        _open.Clear();
        Array.Clear(_group);
    }

    public bool Any(uint lanes) => _open.Exists(c => (lanes >> c.Lane & 1) != 0);

    public void Issue(PtxWarp warp, int lane, ulong to, ulong from, int bytes, int read)
    {
        var shared = warp.Block.Shared;
        new Span<byte>(shared.At(to, bytes, lane), bytes).Fill(0xFF);
        shared.Write(to, bytes, warp.Index * 32 + lane, lane, pending: true);
        if (read > 0)
        {
            warp.Block.Memory.Check(from, read, lane);
        }
        _open.Add((lane, _group[lane], to, from, bytes, read));
    }

    public void Commit(int lane) => _group[lane]++;

    /// <summary>Makes the copies of all groups but the latest <paramref name="pending"/>; negative: of all copies.</summary>
    public void Wait(PtxWarp warp, uint lanes, int pending)
    {
        var shared = warp.Block.Shared;
        foreach (var (lane, group, to, from, bytes, read) in _open)
        {
            if (Ends(lane, group))
            {
                byte* place = shared.At(to, bytes, lane);
                shared.Write(to, bytes, warp.Index * 32 + lane, lane);
                new ReadOnlySpan<byte>((void*)from, read).CopyTo(new Span<byte>(place, read));
                new Span<byte>(place + read, bytes - read).Clear();
            }
        }
        _open.RemoveAll(c => Ends(c.Lane, c.Group));

        bool Ends(int lane, int group) => (lanes >> lane & 1) != 0 && (pending < 0 || group < _group[lane] - pending);
    }
}
