using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using SkiaSharp;
using Tcm.Detect;
using Tcm.Kernels;

namespace Tcm.Samples.FolderWatcher;

/// <summary>A file as it was when it was looked at.</summary>
internal readonly record struct Stamp(long Bytes, DateTime Modified)
{
    /// <summary>Null where there is no file any more.</summary>
    public static Stamp? Of(string path) => new FileInfo(path) is { Exists: true } file ? new Stamp(file.Length, file.LastWriteTimeUtc) : null;
}

/// <summary>
/// Pictures of a folder that have no result yet, those there and those to come. The system's notifications only wake it up: what counts
/// is a look at the whole folder, because notifications come twice, come for half a file, or get lost when there are many. One consumer.
/// </summary>
internal sealed class FolderSource : IDisposable
{
    private static readonly HashSet<string> Extensions = new(StringComparer.OrdinalIgnoreCase) { ".jpg", ".jpeg", ".png", ".webp" };

    private readonly string _folder;
    private readonly TimeSpan _rescan, _settle;
    private readonly FileSystemWatcher _watcher;
    private readonly SemaphoreSlim _wake = new(0, 1);

    // As each file was at the last look, and since when; and those that went into the detector or had a result. What is gone leaves both.
    private readonly Dictionary<string, (Stamp Stamp, long Since)> _seen = [];
    private readonly ConcurrentDictionary<string, Stamp> _taken = new();

    /// <param name="folder">Which; not the folders below it.</param>
    /// <param name="rescan">The longest time between two looks; 5 seconds.</param>
    /// <param name="settle">For how long a file must stay as it is before it is read; half a second.</param>
    public FolderSource(string folder, TimeSpan? rescan = null, TimeSpan? settle = null)
    {
        _folder = folder;
        _rescan = rescan ?? TimeSpan.FromSeconds(5);
        _settle = settle ?? TimeSpan.FromSeconds(0.5);
        _watcher = new FileSystemWatcher(folder) { NotifyFilter = NotifyFilters.FileName | NotifyFilters.LastWrite | NotifyFilters.Size };
        _watcher.Created += (_, e) => Wake(e.Name);
        _watcher.Changed += (_, e) => Wake(e.Name);
        _watcher.Renamed += (_, e) => Wake(e.Name);
        // Its buffer overflowed, or the folder is on a disk that cannot notify.
        _watcher.Error += (_, _) => Wake(null);
        _watcher.EnableRaisingEvents = true;
    }

    /// <summary>As the picture was when it was taken.</summary>
    public Stamp StampOf(string path) => _taken[path];

    /// <summary>Whether the picture is another one now than when it was taken; it will then be taken again.</summary>
    public bool HasChanged(string path)
    {
        if (_taken.TryGetValue(path, out var taken) && Stamp.Of(path) == taken)
        {
            return false;
        }
        _taken.TryRemove(path, out _);
        return true;
    }

    /// <summary>The pictures; each is taken when the consumer has a place for it.</summary>
    /// <param name="once">Whether to end when all that are there have been taken.</param>
    /// <param name="stop">Ends without an exception.</param>
    public async IAsyncEnumerable<DetectionInput> Pictures(bool once, [EnumeratorCancellation] CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var (ready, unsettled) = Look();
            foreach (string path in ready)
            {
                if (stop.IsCancellationRequested)
                {
                    yield break;
                }
                // Again, because the pictures before may have taken long.
                if (Stamp.Of(path) is { } stamp && _seen.TryGetValue(path, out var seen) && seen.Stamp == stamp)
                {
                    _taken[path] = stamp;
                    yield return DetectionInput.From(path, () => Decode(path));
                }
            }
            if (once && !unsettled && ready.Count == 0)
            {
                yield break;
            }
            await WaitAsync(unsettled ? _settle : ready.Count > 0 ? TimeSpan.Zero : _rescan, stop);
        }
    }

    public void Dispose()
    {
        _watcher.Dispose();
        _wake.Dispose();
    }

    /// <summary>Files that have not changed for a while and have no result, in the order of their names; and whether others may become so.</summary>
    private (IReadOnlyList<string> Ready, bool Unsettled) Look()
    {
        var ready = new List<string>();
        bool unsettled = false;
        long now = Environment.TickCount64;
        var there = Directory.EnumerateFiles(_folder).Where(IsPicture).ToHashSet();
        foreach (string gone in _seen.Keys.Where(f => !there.Contains(f)).ToList())
        {
            _seen.Remove(gone);
            _taken.TryRemove(gone, out _);
        }
        foreach (string path in there.Order(StringComparer.Ordinal))
        {
            if (Stamp.Of(path) is not { } stamp || (_taken.TryGetValue(path, out var taken) && taken == stamp))
            {
                continue;
            }
            if (!_seen.TryGetValue(path, out var seen) || seen.Stamp != stamp)
            {
                // A file that has been lying there need not be waited for, unless its clock is ahead of ours.
                bool old = DateTime.UtcNow - stamp.Modified > _settle && stamp.Modified <= DateTime.UtcNow;
                _seen[path] = seen = (stamp, old ? now - (long)_settle.TotalMilliseconds : now);
            }
            if (now - seen.Since < _settle.TotalMilliseconds || stamp.Bytes == 0)
            {
                unsettled |= stamp.Bytes > 0;
            }
            else if (ResultFile.IsOf(path, stamp))
            {
                // Of an earlier run; not read again at the next look.
                _taken[path] = stamp;
            }
            else
            {
                ready.Add(path);
            }
        }
        return (ready, unsettled);
    }

    private void Wake(string? name)
    {
        // Not for the results that are written here.
        if (name is not null && !IsPicture(name))
        {
            return;
        }
        try
        {
            _wake.Release();
        }
        catch (Exception e) when (e is SemaphoreFullException or ObjectDisposedException)
        {
            // Awake already, or at the end.
        }
    }

    private async Task WaitAsync(TimeSpan time, CancellationToken stop)
    {
        try
        {
            await _wake.WaitAsync(time, stop);
        }
        catch (OperationCanceledException)
        {
            // The loop sees it.
        }
    }

    private static bool IsPicture(string name) => Extensions.Contains(Path.GetExtension(name));

    private static ImageBuffer Decode(string path)
    {
        using var codec = SKCodec.Create(path) ?? throw new TcmException("not a picture, or damaged");
        var info = new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Bgra8888, SKAlphaType.Unpremul, null);
        if (info.BytesSize64 > int.MaxValue)
        {
            throw new ImageLimitException($"{info.Width}x{info.Height} pixels are too many");
        }
        using var bitmap = new SKBitmap(info);
        var result = codec.GetPixels(info, bitmap.GetPixels());
        return result == SKCodecResult.Success
            ? ImageBuffer.From(bitmap.GetPixelSpan(), info.Width, info.Height, PixelFormat.Bgra32, bitmap.RowBytes)
            : throw new TcmException($"the picture cannot be decoded ({result})");
    }
}
