using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Tcm.Detect.Diagnostics;
using Tcm.Detect.Preprocessing;
using Tcm.Kernels;
using Tcm.Nn;

namespace Tcm.Detect.Pipeline;

/// <summary>
/// Pictures of an asynchronous source through the stages of a detector: several are loaded and resized while the network works on
/// those before, and post-processing follows beside the next pass. A picture takes a place when it is taken from the source and
/// gives it back when the consumer asks for the result after its own, so that memory is bounded. One consumer.
/// </summary>
internal sealed class DetectionStream
{
    private readonly DetectorStages _stages;
    private readonly DetectorMonitor _monitor;
    private readonly DetectManyOptions _options;
    private readonly StreamProgress _progress;
    private readonly SemaphoreSlim _places;
    private StreamPicture? _delivering;

    // Not bounded themselves: a picture is in them only while it has a place.
    private readonly Channel<StreamPicture> _inOrder = Channel.CreateUnbounded<StreamPicture>();
    private readonly Channel<StreamPicture> _toNetwork = Channel.CreateUnbounded<StreamPicture>();

    private DetectionStream(DetectorStages stages, DetectorMonitor monitor, DetectManyOptions options)
    {
        _stages = stages;
        _monitor = monitor;
        _options = options;
        _progress = new StreamProgress(options.Progress);
        _places = new SemaphoreSlim(options.MaxPending);
    }

    /// <summary>Results in the order of the inputs. When the enumeration has ended, nothing of it runs any more.</summary>
    public static async IAsyncEnumerable<DetectionOutput> Run(CallGate gate, DetectorStages stages, DetectorMonitor monitor,
        IAsyncEnumerable<DetectionInput> inputs, DetectManyOptions options, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var call = gate.Enter();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var stream = new DetectionStream(stages, monitor, options);
        var reading = Task.Run(() => stream.ReadAsync(inputs, stop.Token), CancellationToken.None);
        var network = Task.Run(() => stream.RunNetworkAsync(stop.Token), CancellationToken.None);
        try
        {
            while (await stream.NextAsync(cancellation).ConfigureAwait(false) is { } output)
            {
                yield return output;
                stream._places.Release();
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await network.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await stream.SettleAsync().ConfigureAwait(false);
        }
    }

    private async Task ReadAsync(IAsyncEnumerable<DetectionInput> inputs, CancellationToken stop)
    {
        Exception? failure = null;
        try
        {
            await using var source = inputs.GetAsyncEnumerator(stop);
            await _places.WaitAsync(stop).ConfigureAwait(false);
            while (await source.MoveNextAsync().ConfigureAwait(false))
            {
                var input = source.Current ?? throw new TcmException("DetectManyAsync: the source gave null for a picture");
                var picture = new StreamPicture(input.Id, _monitor.Begin(input.Id));
                _progress.Taken();
                picture.Preparation = Task.Run(() => PrepareAsync(picture, input, stop), CancellationToken.None);
                _inOrder.Writer.TryWrite(picture);
                _toNetwork.Writer.TryWrite(picture);
                await _places.WaitAsync(stop).ConfigureAwait(false);
            }
        }
        catch (Exception e)
        {
            // The consumer gets it, after the results of the pictures before.
            failure = e;
        }
        _inOrder.Writer.Complete(failure);
        _toNetwork.Writer.Complete();
    }

    private async Task<bool> PrepareAsync(StreamPicture picture, DetectionInput input, CancellationToken stop)
    {
        // In this method alone, and in what the loader calls.
        Activity.Current = picture.Record.Span ?? Activity.Current;
        try
        {
            var image = await LoadAsync(input, stop).ConfigureAwait(false);
            long start = Stopwatch.GetTimestamp();
            using var span = DetectorTelemetry.StartStage("preprocess");
            picture.Prepared = _stages.Prepare(image, stop);
            picture.Preprocess = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            (picture.Width, picture.Height) = (image.Width, image.Height);
        }
        catch (Exception e) when (e is not OperationCanceledException || !stop.IsCancellationRequested)
        {
            picture.Fail(e);
            return false;
        }
        _progress.Prepared();
        return true;
    }

    private static async Task<ImageBuffer> LoadAsync(DetectionInput input, CancellationToken stop)
    {
        using var span = DetectorTelemetry.StartStage("load");
        return await input.Load(stop).ConfigureAwait(false)
            ?? throw new TcmException($"{input.Id}: the loader gave null for a picture");
    }

    private async Task RunNetworkAsync(CancellationToken stop)
    {
        var waiting = new List<StreamPicture>();
        while (waiting.Count > 0 || await _toNetwork.Reader.WaitToReadAsync(stop).ConfigureAwait(false))
        {
            TakeArrived(waiting);
            List<StreamPicture> batch = [waiting[0]];
            waiting.RemoveAt(0);
            try
            {
                if (await batch[0].Preparation.ConfigureAwait(false))
                {
                    TakeArrived(waiting);
                    TakePeers(waiting, batch);
                    Detect(batch, stop);
                }
            }
            catch (Exception e) when (StreamPicture.IsOwn(e))
            {
                batch.ForEach(p => p.Fail(e));
            }
            catch (Exception e)
            {
                await BreakAsync([.. batch, .. waiting], e, stop).ConfigureAwait(false);
                return;
            }
        }
    }

    // The network will not come to any other picture either: whichever the consumer waits for must not leave it waiting.
    private async Task BreakAsync(List<StreamPicture> pictures, Exception error, CancellationToken stop)
    {
        pictures.ForEach(p => p.Break(error));
        await foreach (var picture in _toNetwork.Reader.ReadAllAsync(stop).ConfigureAwait(false))
        {
            picture.Break(error);
        }
    }

    private void TakeArrived(List<StreamPicture> waiting)
    {
        while (_toNetwork.Reader.TryRead(out var picture))
        {
            waiting.Add(picture);
        }
    }

    // Nobody waits for a batch to fill: what is ready and has the size of the first goes with it.
    private void TakePeers(List<StreamPicture> waiting, List<StreamPicture> batch)
    {
        var size = batch[0].Prepared.Size;
        long most = Math.Min(_options.BatchSize, _stages.Limits.MaxNetworkPixels / ((long)size.PaddedWidth * size.PaddedHeight));
        for (int i = 0; i < waiting.Count && batch.Count < most;)
        {
            if (waiting[i].Preparation is { IsCompletedSuccessfully: true, Result: true } && waiting[i].Prepared.Size is var other
                && (other.PaddedWidth, other.PaddedHeight) == (size.PaddedWidth, size.PaddedHeight))
            {
                batch.Add(waiting[i]);
                waiting.RemoveAt(i);
            }
            else
            {
                i++;
            }
        }
    }

    // On a GPU the network is only queued here: while it works, the next batch is uploaded and queued behind it, and a task for each
    // picture waits for its maps.
    private void Detect(List<StreamPicture> batch, CancellationToken stop)
    {
        IReadOnlyList<PictureMaps> maps;
        double preprocess;
        long start;
        using (TensorScope.Begin())
        {
            start = Stopwatch.GetTimestamp();
            var input = _stages.Input([.. batch.Select(p => p.Prepared)]);
            preprocess = Stopwatch.GetElapsedTime(start).TotalMilliseconds / batch.Count;
            start = Stopwatch.GetTimestamp();
            maps = _stages.Forward(input, [.. batch.Select(p => p.Prepared.Size)], stop);
        }
        double? network = maps.All(m => m.IsCompleted) ? Stopwatch.GetElapsedTime(start).TotalMilliseconds / batch.Count : null;
        for (int i = 0; i < batch.Count; i++)
        {
            var (picture, own, size) = (batch[i], maps[i], batch[i].Prepared.Size);
            // The pixels are not needed any more, and the picture may wait long for its consumer.
            picture.Prepared = default;
            picture.Finishing = Task.Run(() => Finish(picture, own, size, picture.Preprocess + preprocess, start, batch.Count,
                network, stop), CancellationToken.None);
        }
        _progress.Recognized(batch.Count);
    }

    private void Finish(StreamPicture picture, PictureMaps maps, NetworkSize size, double preprocess, long start, int pictures,
        double? network, CancellationToken stop)
    {
        try
        {
            DetectionResult result;
            // Before the consumer gets the result: with the last one it may dispose the detector, and the device with it.
            using (maps)
            {
                maps.Wait();
                // With the time behind the pass before, if that was still under way.
                network ??= Stopwatch.GetElapsedTime(start).TotalMilliseconds / pictures;
                DetectorTelemetry.AddStage("network", picture.Record.Span, start, network.Value * pictures, pictures);
                using var span = DetectorTelemetry.StartStage("postprocess", picture.Record.Span);
                result = _stages.Finish(picture.Width, picture.Height, maps, size, preprocess, network.Value, stop);
            }
            picture.Succeed(result);
        }
        catch (Exception e) when (StreamPicture.IsOwn(e))
        {
            picture.Fail(e);
        }
        catch (Exception e)
        {
            picture.Break(e);
        }
    }

    private async ValueTask<DetectionOutput?> NextAsync(CancellationToken cancellation)
    {
        try
        {
            if (!await _inOrder.Reader.WaitToReadAsync(cancellation).ConfigureAwait(false)
                || !_inOrder.Reader.TryRead(out _delivering))
            {
                return null;
            }
            var output = await _delivering.Output.WaitAsync(cancellation).ConfigureAwait(false);
            _progress.Delivered(output.Error is not null);
            return output;
        }
        catch (OperationCanceledException e) when (cancellation.IsCancellationRequested && e.CancellationToken != cancellation)
        {
            // A stage saw it first; callers compare with their own token.
            throw new OperationCanceledException(e.Message, e, cancellation);
        }
    }

    private async Task SettleAsync()
    {
        if (_delivering is not null)
        {
            await _delivering.SettleAsync().ConfigureAwait(false);
        }
        while (_inOrder.Reader.TryRead(out var picture))
        {
            await picture.SettleAsync().ConfigureAwait(false);
        }
    }
}
