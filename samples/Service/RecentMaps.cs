using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using Tcm.Detect;

namespace Tcm.Samples.Service;

/// <summary>
/// Maps of the last pictures, by names that nobody can guess. What was not asked for in a while goes, and the longest unused when there
/// are too many. Thread-safe: maps that are taken while somebody reads them stay whole for that reader.
/// </summary>
internal sealed class RecentMaps(IOptions<ServiceOptions> options, TimeProvider clock)
{
    private readonly int _capacity = options.Value.KeptPictures;
    private readonly TimeSpan _age = TimeSpan.FromMinutes(options.Value.KeptMinutes);
    private readonly Lock _lock = new();

    // The last used first; few enough to be looked through.
    private readonly LinkedList<Entry> _entries = [];

    /// <summary>Keeps maps and names them; null where none are kept at all.</summary>
    public string? Add(DetectionMaps maps)
    {
        if (_capacity == 0)
        {
            return null;
        }
        string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        lock (_lock)
        {
            _entries.AddFirst(new Entry(id, maps) { Used = clock.GetTimestamp() });
            Forget();
        }
        return id;
    }

    /// <summary>Maps by name; null where they are gone.</summary>
    public DetectionMaps? Find(string id)
    {
        lock (_lock)
        {
            Forget();
            for (var node = _entries.First; node is not null; node = node.Next)
            {
                if (node.Value.Id == id)
                {
                    _entries.Remove(node);
                    node.Value.Used = clock.GetTimestamp();
                    _entries.AddFirst(node);
                    return node.Value.Maps;
                }
            }
        }
        return null;
    }

    /// <summary>Forgets maps; whether they were there.</summary>
    public bool Remove(string id)
    {
        lock (_lock)
        {
            for (var node = _entries.First; node is not null; node = node.Next)
            {
                if (node.Value.Id == id)
                {
                    _entries.Remove(node);
                    return true;
                }
            }
        }
        return false;
    }

    /// <summary>Drops what is old; called now and then, so that an idle service holds nothing.</summary>
    public void DropOld()
    {
        lock (_lock)
        {
            Forget();
        }
    }

    private void Forget()
    {
        while (_entries.Last is { } last && (_entries.Count > _capacity || clock.GetElapsedTime(last.Value.Used) > _age))
        {
            _entries.RemoveLast();
        }
    }

    private sealed class Entry(string id, DetectionMaps maps)
    {
        public string Id => id;

        public DetectionMaps Maps => maps;

        public long Used { get; set; }
    }
}
