using System.CommandLine;
using Tcm.Cli.Training;
using Tcm.Detect.Training;

namespace Tcm.Cli.Commands;

/// <summary><c>tcm train</c>: options here, the work in <see cref="TrainRun"/>.</summary>
internal static class TrainCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliHost host)
    {
        var recipe = new Argument<string>("recipe") { Description = "A recipe: what is trained on what, in one JSON file." };
        var output = new Option<string?>("--out")
        {
            Description = "Where the run's state, model, curves and pictures go. Default: runs/NAME of the recipe.",
            HelpName = "FOLDER",
        };
        var resume = new Option<bool>("--resume") { Description = "Go on from the last saved state in the folder." };
        var device = new Option<string>("--device")
        {
            Description = "cpu, cuda:0, opencl:0 ... or auto; 'tcm devices' lists them.",
            HelpName = "DEVICE",
            DefaultValueFactory = _ => "cpu",
        };
        var threads = ModelOptions.Number("--threads", "CPU threads, 0 for one a core.", 0, 0, 1024);
        var dataThreads = ModelOptions.Number("--data-threads", "Threads that prepare pictures.",
            Math.Max(1, Environment.ProcessorCount / 2), 1, 1024);
        var precision = new Option<Kernels.Precision>("--precision")
        {
            Description = "What products round their factors to, on GPUs with tensor cores: fp32, tf32 or bf16. Weights stay fp32.",
            HelpName = "PRECISION",
            DefaultValueFactory = _ => Kernels.Precision.Fp32,
        };
        var set = new Option<string[]>("--set")
        {
            Description = "Override a value of the recipe, as optimizer.rate=1e-4 or data.0.weight=2.",
            HelpName = "KEY=VALUE",
        };
        var stop = ModelOptions.Number("--stop-after", "Save and stop after this many minutes; 0 for never.", 0, 0, 1_000_000);
        var command = new Command("train", """
            Train a model as a recipe says. Ctrl+C saves the state and stops; --resume goes on.

            Examples:
              tcm train recipes/tcm-db-s.json
              tcm train recipes/tcm-db-s.json --resume --device cuda:0
              tcm train recipes/tcm-db-s.json --set batch=4 --set optimizer.rate=5e-4 --out runs/small
            """)
        {
            recipe, output, resume, device, threads, precision, dataThreads, set, stop,
        };
        command.SetAction((parsed, cancellation) =>
        {
            string path = parsed.GetValue(recipe)!;
            var plan = RecipeReader.Read(path, parsed.GetValue(set) ?? []);
            var run = new TrainRun(host, plan)
            {
                Folder = parsed.GetValue(output) ?? Path.Combine("runs", plan.Name.Length > 0 ? plan.Name
                    : Path.GetFileNameWithoutExtension(path)),
                Resume = parsed.GetValue(resume),
                Device = parsed.GetValue(device)!,
                Threads = parsed.GetValue(threads),
                Precision = parsed.GetValue(precision),
                DataThreads = parsed.GetValue(dataThreads),
                StopAfter = parsed.GetValue(stop) > 0 ? TimeSpan.FromMinutes(parsed.GetValue(stop)) : null,
            };
            return Task.FromResult(run.Execute(cancellation));
        });
        return command;
    }
}
