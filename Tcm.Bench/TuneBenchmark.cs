using System.CommandLine;
using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Kernels.Gpu;
using Tcm.Nn;

namespace Tcm.Bench;

/// <summary>
/// <c>tune</c>: measures every plan of every product of the network on a CUDA device, in each precision and at several sizes, and
/// rewrites the lines of that device in the table that is shipped (<see cref="TuningTable"/>). Nothing else searches.
/// </summary>
internal static class TuneBenchmark
{
    private static readonly (int Pictures, int Height, int Width)[] sizes =
        [(1, 640, 640), (8, 640, 640), (1, 736, 1280), (8, 736, 1280), (1, 1024, 1824)];

    public static Command Create()
    {
        var table = new Option<FileInfo>("--table")
        {
            DefaultValueFactory = _ => new FileInfo("Tcm.Kernels/Gpu/tuning.csv"),
            Description = "The table to rewrite; made where it is missing.",
        };
        var command = new Command("tune", "Measures tiles and parts of every product on a CUDA device and rewrites its table.")
        {
            BenchOptions.Device, BenchOptions.Weights, table,
        };
        command.SetAction(parsed => Run(parsed.GetValue(BenchOptions.Device)!, parsed.GetValue(BenchOptions.Weights)!,
            parsed.GetValue(table)!));
        return command;
    }

    private static int Run(string device, string weights, FileInfo table)
    {
        if (!device.StartsWith("cuda", StringComparison.OrdinalIgnoreCase))
        {
            Console.Error.WriteLine($"tune: {device} has no table; give --device cuda:0");
            return 2;
        }
        using var file = ModelFile.Open(weights);
        string name = "";
        var lines = new List<string>();
        foreach (var precision in Enum.GetValues<Precision>())
        {
            using var backend = (GpuBackend)Devices.Open(device, precision: precision);
            name = backend.TuningName;
            // Plans are compared with what is computed, not with an older table.
            backend.Tuning = TuningTable.Parse(TuningTable.Header);
            using var model = new TcmModel(file.Checkpoint, file.Config, backend);
            var tuner = new ProductTuner(backend);
            backend.Tuner = tuner;
            foreach (var (pictures, height, width) in sizes)
            {
                using var input = new Tensor(backend, [pictures, 3, height, width]);
                backend.Fill(input.Data, 0.5f);
                do
                {
                    using var scope = TensorScope.Begin();
                    model.Forward(input);
                    tuner.NextPass();
                }
                while (tuner.IsOpen);
                tuner.Close();
            }
            var found = tuner.Lines(name).ToList();
            Console.WriteLine($"{name} {precision}: {tuner.Count} products, {found.Count} with a plan better than the computed");
            lines.AddRange(found);
        }
        File.WriteAllText(table.FullName, ProductTuner.Merge(table.Exists ? File.ReadAllText(table.FullName) : "", name, lines));
        return 0;
    }
}
