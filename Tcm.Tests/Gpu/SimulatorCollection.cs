namespace Tcm.Tests.Gpu;

/// <summary>
/// Tests that run kernels as PTX. One at a time, beside the other tests: each works its processor to capacity, and they compile the
/// same kernels.
/// </summary>
[CollectionDefinition(Name)]
public sealed class SimulatorCollection
{
    public const string Name = "simulator";
}
