using System.CommandLine;

namespace Tcm.Bench;

/// <summary>The benchmarks, one command each.</summary>
internal static class BenchCommands
{
    /// <summary>All of them.</summary>
    public static RootCommand Root() => new("Benchmarks of Tcm. Peers and ceilings are measured in the same run.")
    {
        NetworkBenchmark.Create(),
        ConvolutionBenchmark.Create(),
        KernelsBenchmark.Create(),
        TuneBenchmark.Create(),
        TrainingBenchmark.Create(),
        TrainingKernelsBenchmark.Create(),
        PostprocessBenchmark.Create(),
        ColdStartBenchmark.Create(),
        DetectorsBenchmark.Create(),
        HeadsBenchmark.Create(),
        CurvedBenchmark.Create(),
        SoakBenchmark.Create(),
        Fuzzing.FuzzCommand.Create(),
        Fuzzing.SmallFiles.Create(),
        Reliability.KillsBenchmark.Create(),
        ReportCommand.Create(),
        Reliability.MemoryLimit.CreateNative(),
        Reliability.MemoryLimit.CreateManaged(),
        Reliability.DeviceLoss.Create(),
        OnnxProcess.CreateMemory(),
        OnnxProcess.CreateDetect(),
    };
}
