using Tcm.Kernels;

namespace Tcm.Detect.Pipeline;

/// <summary>
/// A device for a detector. Detectors on one GPU in one precision share a backend, with its context, compiled kernels and memory,
/// until the last of them is disposed; on the CPU each has threads and memory of its own. Thread-safe.
/// </summary>
internal sealed class SharedDevice : IDisposable
{
    private static readonly Lock Gate = new();
    private static readonly List<SharedDevice> Shared = [];

    private readonly string _key;
    private int _users = 1;

    private SharedDevice(string key, Backend backend)
    {
        _key = key;
        Backend = backend;
    }

    /// <summary>The device.</summary>
    public Backend Backend { get; }

    /// <summary>Opens a device, or joins those who use it. Dispose the result once.</summary>
    /// <exception cref="DeviceException">As <see cref="Devices.Open"/>.</exception>
    public static SharedDevice Open(string name, int threads, Precision precision)
    {
        string device = name.Trim().ToLowerInvariant();
        return Open(device == "cpu" ? null : $"{(device is "cuda" or "opencl" ? device + ":0" : device)} {precision}",
            () => Devices.Open(name, threads, precision));
    }

    /// <param name="key">What users must have in common to share; null for a device of one's own.</param>
    /// <param name="open">Opens it.</param>
    internal static SharedDevice Open(string? key, Func<Backend> open)
    {
        if (key is null)
        {
            return new SharedDevice("", open());
        }
        // Under the lock: two that come at once shall not both open it.
        lock (Gate)
        {
            var known = Shared.Find(d => d._key == key);
            if (known is not null)
            {
                known._users++;
                return known;
            }
            var backend = open();
            var device = new SharedDevice(key, backend);
            // auto may be the CPU, whose threads are each detector's own.
            if (backend.Name != "cpu" || !key.StartsWith("auto", StringComparison.Ordinal))
            {
                Shared.Add(device);
            }
            return device;
        }
    }

    public void Dispose()
    {
        lock (Gate)
        {
            if (--_users > 0)
            {
                return;
            }
            Shared.Remove(this);
        }
        Backend.Dispose();
    }
}
