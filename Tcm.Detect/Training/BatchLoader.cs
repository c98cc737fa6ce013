using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Tcm.Detect.Heads;
using Tcm.Detect.Training.Augmentation;
using Tcm.Kernels;
using Tcm.Nn;

namespace Tcm.Detect.Training;

/// <summary>
/// Prepares the batches of the coming steps on threads of its own while the network computes. Picture i of the run depends
/// only on the recipe and on i, whoever prepares it, so a resumed run sees the same pictures.
/// </summary>
internal sealed class BatchLoader : IDisposable
{
    private readonly Recipe _recipe;
    private readonly TrainingMix _mix;
    private readonly TrainingObjective _objective;
    private readonly IReadOnlyList<Shape> _shapes;
    private readonly int _side;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _free;
    private readonly ConcurrentBag<TrainingBatch> _pool = [];
    private readonly Dictionary<int, Slot> _slots = [];
    private readonly SemaphoreSlim _ready = new(0);
    private readonly Thread[] _threads;
    private readonly Action<string>? _warn;
    private long _next;
    private ExceptionDispatchInfo? _failure;

    /// <param name="recipe">Batch size, side, augmentation, seed.</param>
    /// <param name="members">The data mix.</param>
    /// <param name="objective">Draws the targets.</param>
    /// <param name="firstStep">Step from which the run goes on.</param>
    /// <param name="threads">Threads that prepare.</param>
    /// <param name="warn">Receives a line for a picture that could not be read and was replaced.</param>
    public BatchLoader(Recipe recipe, IReadOnlyList<MixMember> members, TrainingObjective objective, int firstStep, int threads,
        Action<string>? warn = null)
    {
        const int Ahead = 3;
        _recipe = recipe;
        _mix = new TrainingMix(members, recipe.Seed);
        _objective = objective;
        _side = recipe.Augmentation.Side;
        _shapes = objective.TargetShapes(_side, _side);
        _warn = warn;
        _next = (long)firstStep * recipe.Batch;
        _free = new SemaphoreSlim(Ahead * recipe.Batch);
        int[] lengths = [.. _shapes.Select(s => checked((int)s.Length))];
        for (int i = 0; i < Ahead + 1; i++)
        {
            _pool.Add(new TrainingBatch(recipe.Batch, 3 * _side * _side, lengths));
        }
        _threads = new Thread[Math.Max(1, threads)];
        for (int i = 0; i < _threads.Length; i++)
        {
            // Below the compute threads: a batch that is ready early helps nobody.
            _threads[i] = new Thread(Work) { IsBackground = true, Name = $"tcm-data-{i}", Priority = ThreadPriority.BelowNormal };
            _threads[i].Start();
        }
    }

    /// <summary>Waits for the batch of a step; steps are asked for in order.</summary>
    public TrainingBatch Take(int step, CancellationToken cancellation)
    {
        while (true)
        {
            _failure?.Throw();
            lock (_slots)
            {
                if (_slots.TryGetValue(step, out var slot) && Volatile.Read(ref slot.Missing) == 0)
                {
                    _slots.Remove(step);
                    return slot.Batch;
                }
            }
            _ready.Wait(cancellation);
        }
    }

    /// <summary>Gives a batch back when the device has its own copy.</summary>
    public void Return(TrainingBatch batch)
    {
        _pool.Add(batch);
        _free.Release(_recipe.Batch);
    }

    private void Work()
    {
        try
        {
            while (true)
            {
                _free.Wait(_stop.Token);
                long index = Interlocked.Increment(ref _next) - 1;
                Prepare(index);
            }
        }
        catch (OperationCanceledException)
        {
        }
        catch (Exception e)
        {
            _failure ??= ExceptionDispatchInfo.Capture(e);
            _ready.Release();
        }
    }

    private void Prepare(long index)
    {
        int step = (int)(index / _recipe.Batch), place = (int)(index % _recipe.Batch);
        var slot = SlotOf(step);
        var batch = slot.Batch;
        var image = batch.Images.AsSpan(place * batch.ImageLength, batch.ImageLength);
        var (member, number) = _mix.Pick(index);
        var sample = Read(member, number);
        var texts = AugmentationPipelines.All[_recipe.Augmentation.Pipeline](sample, Options(member.Section), _recipe.Model.Normalization,
            new SeededRandom((ulong)_recipe.Seed, ((ulong)index << 1) ^ 0xA5A5A5A5), image);
        var maps = new Memory<float>[_shapes.Count];
        for (int i = 0; i < maps.Length; i++)
        {
            int length = (int)_shapes[i].Length;
            maps[i] = batch.Targets[i].AsMemory(place * length, length);
        }
        _objective.DrawTargets(texts, _side, _side, maps);
        if (Interlocked.Decrement(ref slot.Missing) == 0)
        {
            _ready.Release();
        }
    }

    /// <summary>The batch of a step; the permits of <see cref="_free"/> see to it that there is a free one.</summary>
    private Slot SlotOf(int step)
    {
        lock (_slots)
        {
            if (!_slots.TryGetValue(step, out var slot))
            {
                if (!_pool.TryTake(out var batch))
                {
                    throw new InvalidOperationException("BatchLoader: more batches in flight than permits");
                }
                batch.Step = step;
                _slots.Add(step, slot = new Slot(batch));
            }
            return slot;
        }
    }

    /// <summary>A picture that cannot be read is replaced by the next one of its dataset, with a warning.</summary>
    private Datasets.Sample Read(MixMember member, long number)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return member.Source.Read(number);
            }
            catch (TcmException e) when (attempt < 3 && member.Source.Count is { } count)
            {
                _warn?.Invoke(e.Message);
                number = (number + 1) % count;
            }
        }
    }

    private AugmentationSection Options(DataSection section) =>
        section.Scale is null ? _recipe.Augmentation : _recipe.Augmentation with { Scale = section.Scale };

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Cancel();
        foreach (var thread in _threads)
        {
            thread.Join();
        }
        _stop.Dispose();
        _free.Dispose();
        _ready.Dispose();
    }

    private sealed class Slot(TrainingBatch batch)
    {
        public readonly TrainingBatch Batch = batch;
        public int Missing = batch.Size;
    }
}
