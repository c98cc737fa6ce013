using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using Tcm.Cli.Images;
using Tcm.Detect.Models;

namespace Tcm.Bench;

/// <summary>
/// <c>cold-start</c>: <c>tcm detect</c> on one photograph, from the start of the process to its end, in turns with a process that
/// does the same with the exported network in ONNX Runtime. Both are programs of this folder, so both are compiled ahead or
/// both are not.
/// </summary>
internal static class ColdStartBenchmark
{
    public static Command Create()
    {
        var photo = new Option<string>("--photo") { DefaultValueFactory = _ => "Tcm.Tests/Assets/sample.png" };
        var weights = new Option<string>("--weights") { DefaultValueFactory = _ => "weights/tcm-db-s.safetensors" };
        var repeats = new Option<int>("--repeats") { DefaultValueFactory = _ => 9, Description = "Timed starts of each." };
        var command = new Command("cold-start", "Whole processes: tcm detect on one photograph, beside the same in ONNX Runtime.")
        {
            photo, weights, repeats, BenchOptions.Threads, BenchOptions.Json,
        };
        command.SetAction(parsed => Run(parsed.GetValue(photo)!, parsed.GetValue(weights)!, parsed.GetValue(repeats),
            parsed.GetValue(BenchOptions.Threads), parsed.GetValue(BenchOptions.Json)));
        return command;
    }

    private static int Run(string photo, string weights, int repeats, int threads, FileInfo? json)
    {
        var picture = ImageFile.Read(photo);
        var size = OnnxProcess.DefaultSize.For(picture.Width, picture.Height);
        string folder = Directory.CreateTempSubdirectory("tcm-cold-").FullName;
        try
        {
            string network = Path.Combine(folder, "network.onnx"), result = Path.Combine(folder, "regions.json");
            using (var file = ModelFile.Open(weights))
            {
                OnnxExport.Write(file, network, (size.PaddedHeight, size.PaddedWidth));
            }
            string tcm = OnnxProcess.Beside("tcm"), peer = OnnxProcess.Beside("Tcm.Bench"), count = threads.ToString();
            string[] ours = ["detect", photo, "--weights", weights, "--threads", count, "--json", result];
            string[] theirs = ["onnx-detect", network, photo, "--threads", count];
            List<double> times = [], others = [], ratios = [];
            int regions = 0, found = 0;
            for (int i = -1; i < repeats; i++)
            {
                double a = Time(() => OnnxProcess.Run(tcm, ours)), b = Time(() => found = int.Parse(OnnxProcess.Run(peer, theirs)));
                // The first round reads the files from the disk.
                if (i >= 0)
                {
                    times.Add(a);
                    others.Add(b);
                    ratios.Add(b / a);
                }
            }
            using (var document = JsonDocument.Parse(File.ReadAllText(result)))
            {
                regions = document.RootElement[0].GetProperty("regions").GetArrayLength();
            }
            double seconds = BenchOutput.Median(times), other = BenchOutput.Median(others), ratio = BenchOutput.Median(ratios);
            Console.WriteLine($"{photo} ({size.PaddedWidth}x{size.PaddedHeight}): tcm detect {seconds:F2} s (best {times.Min():F2}), {regions} regions; " +
                $"ONNX Runtime {other:F2} s (best {others.Min():F2}), {found} regions: {ratio:F2} times ours");
            BenchOutput.WriteJson(json, new
            {
                width = size.PaddedWidth,
                height = size.PaddedHeight,
                seconds,
                bestSeconds = times.Min(),
                onnxRuntimeSeconds = other,
                onnxRuntimeBestSeconds = others.Min(),
                ratioToOnnxRuntime = ratio,
                regions,
                onnxRuntimeRegions = found,
            });
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static double Time(Action run)
    {
        long start = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
