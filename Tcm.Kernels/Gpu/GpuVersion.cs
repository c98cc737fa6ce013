namespace Tcm.Kernels.Gpu;

/// <summary>Rungs of the ladders that have two.</summary>
internal enum GpuVersion
{
    /// <summary>The fastest that serves the shape.</summary>
    Auto,
    /// <summary>V1, one thread a result.</summary>
    Naive,
}
