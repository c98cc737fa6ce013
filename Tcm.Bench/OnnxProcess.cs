using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Tcm.Cli.Images;
using Tcm.Detect;
using Tcm.Detect.Heads.Db;
using Tcm.Detect.Models;
using Tcm.Detect.Preprocessing;

namespace Tcm.Bench;

/// <summary>
/// ONNX Runtime alone in a process, for what only a whole process shows: memory and a cold start. Hidden commands of this
/// program, which other benchmarks start as children.
/// </summary>
internal static class OnnxProcess
{
    /// <summary>Runs a network twice and prints the peak of the resident memory in MiB.</summary>
    public static Command CreateMemory()
    {
        var model = new Argument<string>("model");
        var command = new Command("onnx-memory") { model, BenchOptions.Height, BenchOptions.Width, BenchOptions.Threads };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            int height = parsed.GetValue(BenchOptions.Height), width = parsed.GetValue(BenchOptions.Width);
            using (var network = new OnnxNetwork(parsed.GetValue(model)!, FormulaPicture.Values(height, width), height, width,
                parsed.GetValue(BenchOptions.Threads)))
            {
                network.Run();
                network.Run();
            }
            Console.WriteLine(PeakMiB().ToString(CultureInfo.InvariantCulture));
            return 0;
        });
        return command;
    }

    /// <summary>A DB model on one photograph, from the file to the regions: what <c>tcm detect</c> does.</summary>
    public static Command CreateDetect()
    {
        Argument<string> model = new("model"), photo = new("photo");
        var command = new Command("onnx-detect") { model, photo, BenchOptions.Threads };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            var (means, deviations) = (new TcmConfig().Mean, new TcmConfig().Std);
            using var detector = new OnnxDetector(parsed.GetValue(model)!, parsed.GetValue(BenchOptions.Threads),
                new DbPostProcessingOptions(), new OnnxColours(means, deviations, BlueFirst: false));
            var result = detector.Detect(ImageFile.Read(parsed.GetValue(photo)!), DefaultSize);
            Console.WriteLine(result.Regions.Count.ToString(CultureInfo.InvariantCulture));
            return 0;
        });
        return command;
    }

    /// <summary>What <c>tcm detect</c> makes of a picture unless told otherwise.</summary>
    public static ResizePolicy DefaultSize { get; } = new(new TextDetectorOptions().MaxSide, new TextDetectorOptions().ShortSide);

    /// <summary>Peak resident memory of this process so far.</summary>
    public static double PeakMiB() => Process.GetCurrentProcess().PeakWorkingSet64 / 1048576.0;

    /// <summary>Runs a program to its end and returns what it printed.</summary>
    /// <exception cref="Kernels.TcmException">It failed.</exception>
    public static string Run(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? variables = null)
    {
        // A program that was built for no runtime in particular is a library that dotnet starts.
        bool library = program.EndsWith(".dll", StringComparison.Ordinal);
        var start = new ProcessStartInfo(library ? "dotnet" : program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in library ? arguments.Prepend(program) : arguments)
        {
            start.ArgumentList.Add(argument);
        }
        foreach (var (name, value) in variables ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new Kernels.TcmException($"{program} ended with {process.ExitCode}: {errors.Result}");
    }

    /// <summary>A program that lies beside this one: compiled for a runtime, or the library.</summary>
    public static string Beside(string name)
    {
        string path = Path.Combine(AppContext.BaseDirectory, name);
        return File.Exists(path + ".dll") ? path + ".dll" : path;
    }
}
