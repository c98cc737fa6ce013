namespace Tcm.Tests.Gpu;

/// <summary>
/// Tests on ILGPU's simulator, one OS thread for each GPU thread wherever a kernel has barriers. They run one at a time, beside
/// the other tests: two blocks of 256 threads at once would make each other's barriers slow.
/// </summary>
[CollectionDefinition(Name)]
public sealed class SimulatorCollection
{
    public const string Name = "simulator";
}
