using System.CommandLine;
using Tcm.Bench;

var root = new RootCommand("Benchmarks of Tcm. Peers and ceilings are measured in the same run.")
{
    NetworkBenchmark.Create(),
    ConvolutionBenchmark.Create(),
    KernelsBenchmark.Create(),
    TrainingBenchmark.Create(),
    TrainingKernelsBenchmark.Create(),
    PostprocessBenchmark.Create(),
    DetectorsBenchmark.Create(),
    HeadsBenchmark.Create(),
    CurvedBenchmark.Create(),
    SoakBenchmark.Create(),
    ReportCommand.Create(),
};
return root.Parse(args).Invoke();
