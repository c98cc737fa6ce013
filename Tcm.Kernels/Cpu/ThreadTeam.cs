using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Tcm.Kernels.Cpu;

/// <summary>
/// A few threads that run the tasks of one operation together. Between operations that follow closely they spin, so that
/// handing out work costs about a microsecond; after a pause they sleep. The caller works too. A call made while the team
/// is busy (from another thread, or from inside a task) runs its tasks on the calling thread alone. Tasks must not depend
/// on who runs them, so results never depend on the number of threads. Each thread has a share of tasks that follow each other, the same
/// share of every operation, so that what one operation wrote is often in the cache of who reads it in the next; who is through with
/// its own goes on with the others'. Nobody waits for a helper that has not begun: on a
/// busy machine, where a helper may be off its core for milliseconds, the caller just does all the tasks. A task that throws ends the
/// run: tasks that nobody has begun are left out, and the caller gets the first exception when nobody works any more.
/// </summary>
internal sealed unsafe class ThreadTeam : IDisposable
{
    private const int SpinsBeforeSleep = 20_000;
    private const int SpinsBeforeYield = 300;
    private const int SpinsPerYield = 50;
    private const long Open = 1L << 31;
    private const long CountMask = Open - 1;

    private readonly Thread[] _helpers;
    private readonly SemaphoreSlim[] _wake;
    private readonly int[] _asleep;
    private int _busy;
    private volatile bool _stop;
    // Number of the current run (upper half), whether helpers may still join it, and how many are in it now (lower half).
    private long _gate;
    private delegate*<void*, int, void> _body;
    private void* _state;
    private readonly Share[] _shares;
    private Exception? _failure;

    public ThreadTeam(int threads)
    {
        Threads = threads;
        _helpers = new Thread[threads - 1];
        _wake = new SemaphoreSlim[threads - 1];
        _asleep = new int[threads - 1];
        _shares = new Share[threads];
        for (int i = 0; i < _helpers.Length; i++)
        {
            int index = i;
            _wake[i] = new SemaphoreSlim(0);
            _helpers[i] = new Thread(() => Work(index)) { IsBackground = true, Name = $"tcm-cpu-{i + 1}" };
            try
            {
                _helpers[i].Start();
            }
            catch (Exception e) when (e is OutOfMemoryException or ThreadStartException)
            {
                Stop(i);
                throw new DeviceException($"cpu: the system gives no more than {i + 1} of {threads} threads", e) { IsOutOfMemory = true };
            }
        }
    }

    /// <summary>Threads that work together, the caller included.</summary>
    public int Threads { get; }

    /// <summary>Calls <c>body(state, task)</c> once for every task in [0, tasks); returns when all are done.</summary>
    /// <exception cref="Exception">What a task threw; the team stays usable.</exception>
    public void Run(int tasks, delegate*<void*, int, void> body, void* state)
    {
        if (tasks <= 1 || _helpers.Length == 0 || Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
        {
            for (int i = 0; i < tasks; i++)
            {
                body(state, i);
            }
            return;
        }
        _body = body;
        _state = state;
        for (int i = 0; i < _shares.Length; i++)
        {
            _shares[i].Next = (int)((long)tasks * i / Threads);
            _shares[i].End = (int)((long)tasks * (i + 1) / Threads);
        }
        Interlocked.Exchange(ref _gate, (Generation(_gate) + 1L << 32) | Open);
        int wanted = Math.Min(_helpers.Length, tasks - 1);
        for (int i = 0; i < wanted; i++)
        {
            if (Interlocked.Exchange(ref _asleep[i], 0) == 1)
            {
                _wake[i].Release();
            }
        }
        TakeTasks(0);
        // All tasks are taken. Nobody may join any more; those who have joined finish their last task.
        Interlocked.And(ref _gate, ~Open);
        // A last task takes less than the system needs to give the core back to who yields it to another program (milliseconds
        // on a busy machine). Only a helper that is itself kept off a core, perhaps this one, is worth yielding for.
        for (int spins = 0; (Volatile.Read(ref _gate) & CountMask) != 0; spins++)
        {
            Thread.SpinWait(10);
            if (spins >= SpinsBeforeYield && spins % SpinsPerYield == 0)
            {
                Thread.Yield();
            }
        }
        var failure = _failure;
        _failure = null;
        Volatile.Write(ref _busy, 0);
        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <summary>Runs a job whose state is a struct on the caller's stack, without allocating.</summary>
    public void Run<TJob>(int tasks, ref TJob job) where TJob : struct, IJob
    {
        fixed (void* state = &Unsafe.As<TJob, byte>(ref job))
        {
            Run(tasks, &Invoke<TJob>, state);
        }
    }

    private static void Invoke<TJob>(void* state, int task) where TJob : struct, IJob =>
        Unsafe.AsRef<TJob>(state).Run(task);

    private static int Generation(long gate) => (int)(gate >> 32);

    /// <summary>Enters the current run, unless it is closed. What describes the run stays valid until all have left.</summary>
    private bool TryJoin(out int generation)
    {
        long gate = Volatile.Read(ref _gate);
        while ((gate & Open) != 0)
        {
            long before = Interlocked.CompareExchange(ref _gate, gate + 1, gate);
            if (before == gate)
            {
                generation = Generation(gate);
                return true;
            }
            gate = before;
        }
        generation = Generation(gate);
        return false;
    }

    private void TakeTasks(int thread)
    {
        try
        {
            for (int i = 0; i < Threads; i++)
            {
                ref var share = ref _shares[(thread + i) % Threads];
                int task;
                while ((task = Interlocked.Increment(ref share.Next) - 1) < share.End)
                {
                    _body(_state, task);
                }
            }
        }
        catch (Exception e)
        {
            // On a helper nobody would catch it, and the caller must not return while others use its state.
            Interlocked.CompareExchange(ref _failure, e, null);
            for (int i = 0; i < _shares.Length; i++)
            {
                Interlocked.Exchange(ref _shares[i].Next, _shares[i].End);
            }
        }
    }

    private void Work(int index)
    {
        int seen = 0;
        while (true)
        {
            int spins = 0;
            while (Generation(Volatile.Read(ref _gate)) == seen && !_stop)
            {
                if (++spins < SpinsBeforeSleep)
                {
                    Thread.SpinWait(10);
                    // On a busy machine the caller may be waiting for this very core, with a task half done.
                    if (spins % SpinsPerYield == 0)
                    {
                        Thread.Yield();
                    }
                    continue;
                }
                Volatile.Write(ref _asleep[index], 1);
                Interlocked.MemoryBarrier();
                // Work may have arrived between the last look and the flag; whoever clears the flag decides.
                if ((Generation(Volatile.Read(ref _gate)) != seen || _stop) && Interlocked.Exchange(ref _asleep[index], 0) == 1)
                {
                    break;
                }
                _wake[index].Wait();
                spins = 0;
            }
            if (_stop)
            {
                return;
            }
            if (TryJoin(out seen))
            {
                TakeTasks(index + 1);
                Interlocked.Decrement(ref _gate);
            }
        }
    }

    /// <summary>Tasks [Next, End) that nobody has begun; a cache line of its own for each thread.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Share
    {
        [FieldOffset(64)]
        public int Next;

        [FieldOffset(68)]
        public int End;
    }

    public void Dispose() => Stop(_helpers.Length);

    private void Stop(int started)
    {
        _stop = true;
        for (int i = 0; i < started; i++)
        {
            _wake[i].Release();
            _helpers[i].Join();
        }
    }
}

/// <summary>Work that a <see cref="ThreadTeam"/> splits into numbered tasks.</summary>
internal interface IJob
{
    void Run(int task);
}
