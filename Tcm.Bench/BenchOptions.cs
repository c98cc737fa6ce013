using System.CommandLine;

namespace Tcm.Bench;

/// <summary>Options that several benchmarks share.</summary>
internal static class BenchOptions
{
    public static Option<string> Device { get; } = new("--device")
    {
        DefaultValueFactory = _ => "cpu",
        Description = "cpu, cuda:i or opencl:i; a device that is not there is an error.",
    };

    public static Option<int> Threads { get; } = new("--threads") { Description = "CPU threads, 0 for one a core." };

    public static Option<FileInfo?> Json { get; } = new("--json") { Description = "Also write the figures to this file." };
}
