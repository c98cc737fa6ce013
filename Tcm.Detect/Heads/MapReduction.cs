using Tcm.Detect.Pipeline;
using Tcm.Detect.Preprocessing;
using Tcm.Kernels;

namespace Tcm.Detect.Heads;

/// <summary>Does part of post-processing on the device, so that less has to be copied; results are those of whole maps.</summary>
internal abstract class MapReduction
{
    /// <summary>Queues it.</summary>
    /// <param name="backend">The device.</param>
    /// <param name="maps">The head's result for one picture; may be overwritten by what is queued later.</param>
    /// <param name="size">Where the network's pixels lie in the source picture.</param>
    public abstract PictureMaps Begin(Backend backend, Slice maps, NetworkSize size);
}
