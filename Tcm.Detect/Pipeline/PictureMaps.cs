using Tcm.Detect.Preprocessing;
using Tcm.Kernels;

namespace Tcm.Detect.Pipeline;

/// <summary>What the network says of one picture, perhaps still on its way from the device. One owner.</summary>
internal abstract class PictureMaps : IDisposable
{
    /// <summary>Whether <see cref="Wait"/> returns at once.</summary>
    public abstract bool IsCompleted { get; }

    /// <summary>Waits for the device.</summary>
    /// <exception cref="DeviceException">It failed.</exception>
    public abstract void Wait();

    /// <summary>Regions of the picture, in its pixels.</summary>
    /// <param name="extractor">Post-processing of whole maps.</param>
    public abstract IReadOnlyList<TextRegion> Extract(Heads.RegionExtractor extractor);

    /// <summary>Gives memory back.</summary>
    public abstract void Dispose();
}

/// <summary>All values.</summary>
internal sealed class WholeMaps(HostCopy copy, NetworkSize size) : PictureMaps
{
    public override bool IsCompleted => copy.IsCompleted;

    public override void Wait() => copy.Wait();

    public override IReadOnlyList<TextRegion> Extract(Heads.RegionExtractor extractor) => extractor(copy.Wait().Span, size);

    public override void Dispose() => copy.Dispose();
}
