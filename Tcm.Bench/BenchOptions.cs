using System.CommandLine;
using Tcm.Detect.Models;

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

    public static Option<string> Weights { get; } = new("--weights")
    {
        DefaultValueFactory = _ => ModelFile.Formula,
        Description = "A weight file, or 'formula' for full-size TCM-DB.",
    };

    public static Option<int> Height { get; } = new("--height")
    {
        DefaultValueFactory = _ => 640,
        Description = "Rows of the input, a multiple of 32.",
    };

    public static Option<int> Width { get; } = new("--width")
    {
        DefaultValueFactory = _ => 640,
        Description = "Columns of the input, a multiple of 32.",
    };

    public static Option<FileInfo?> Csv { get; } = new("--csv")
    {
        Description = "Also write the figures to this file, comma-separated.",
    };

    public static Option<FileInfo?> Json { get; } = new("--json") { Description = "Also write the figures to this file." };
}
