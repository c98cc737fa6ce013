using System.Diagnostics;
using Tcm.Kernels;

namespace Tcm.Detect.Models;

/// <summary>One part of the network in a forward pass. A value, free to share between threads.</summary>
/// <param name="Name">Stem, layer1, ... head.</param>
/// <param name="Milliseconds">Wall-clock time.</param>
/// <param name="MultiplyAdds">Multiply-adds of its convolutions, linear layers and attention products.</param>
public readonly record struct BlockCost(string Name, double Milliseconds, long MultiplyAdds);

/// <summary>
/// Measures time and multiply-adds of every part of one forward pass; waits for the device between parts. For one forward pass at
/// a time, on one thread.
/// </summary>
public sealed class BlockProfile(Backend backend) : ForwardObserver
{
    private readonly Stopwatch _clock = new();
    private readonly List<BlockCost> _blocks = [];
    private string _name = "";
    private long _multiplyAdds;

    /// <summary>The parts in the order in which they ran.</summary>
    public IReadOnlyList<BlockCost> Blocks => _blocks;

    /// <inheritdoc/>
    public override void BeginBlock(string name)
    {
        _name = name;
        _multiplyAdds = Backend.MultiplyAdds;
        backend.Synchronize();
        _clock.Restart();
    }

    /// <inheritdoc/>
    public override void EndBlock()
    {
        backend.Synchronize();
        _blocks.Add(new BlockCost(_name, _clock.Elapsed.TotalMilliseconds, Backend.MultiplyAdds - _multiplyAdds));
    }
}
