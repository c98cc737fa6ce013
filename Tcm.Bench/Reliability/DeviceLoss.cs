using System.CommandLine;
using System.Runtime.InteropServices;
using Tcm.Detect;
using Tcm.Kernels;

namespace Tcm.Bench.Reliability;

/// <summary>
/// A CUDA device that is lost in the middle (a hidden command, which <c>soak</c> and the tests start as a child, with the driver without
/// a device of <c>.ci/cuda_stub.c</c> in place of CUDA's): whichever call of the driver is the first to fail, the detector throws a
/// <see cref="DeviceException"/>, then and later, is disposed without an error, and another one can be opened.
/// </summary>
internal static unsafe class DeviceLoss
{
    private const string Source = ".ci/cuda_stub.c";

    /// <summary>Why it cannot be tried here, or null.</summary>
    public static string? WhyNot => !OperatingSystem.IsLinux() ? "the driver without a device is for Linux"
        : FindSource() is null ? $"{Source} is not here"
        : Compiler() is null ? "no C compiler (gcc, cc)" : null;

    public static Command Create()
    {
        var weights = new Option<string>("--weights") { Required = true };
        var command = new Command("device-loss") { weights };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            Console.WriteLine(Lose(parsed.GetValue(weights)!));
            return 0;
        });
        return command;
    }

    /// <summary>Compiles the driver and runs the child; its one line.</summary>
    /// <exception cref="TcmException">The child fails.</exception>
    public static string Run(string weights)
    {
        string folder = Directory.CreateTempSubdirectory("tcm-stub-").FullName;
        try
        {
            OnnxProcess.Run(Compiler()!, ["-shared", "-fPIC", "-O1", "-w", "-o", Path.Combine(folder, "libcuda.so.1"), FindSource()!, "-lpthread"]);
            return OnnxProcess.Run(OnnxProcess.Beside("Tcm.Bench"), ["device-loss", "--weights", Path.GetFullPath(weights)],
                new Dictionary<string, string> { ["LD_LIBRARY_PATH"] = folder, ["TCM_KERNEL_CACHE"] = Path.Combine(folder, "kernels") }).Trim();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Lose(string weights)
    {
        var lose = (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(NativeLibrary.Load("libcuda.so.1"), "stub_lose");
        var options = new TextDetectorOptions { Device = "cuda:0", ShortSide = 64, MaxSide = 64 };
        var picture = ImageBuffer.From(new byte[64 * 64], 64, 64, PixelFormat.Gray8);
        int times = 0;
        var messages = new HashSet<string>();
        // Later and later in a picture's way, with a detector whose pass is recorded and one whose pass is not; until it is through.
        foreach (int recorded in (int[])[0, 4])
        {
            bool through = false;
            for (int calls = 0; !through; calls += 1 + (calls / 4))
            {
                using (var detector = TextDetector.Load(weights, options with { RecordedSizes = recorded }))
                {
                    detector.Detect(picture);
                    detector.Detect(picture);
                    lose(calls);
                    string? first = Failure(() => detector.Detect(picture));
                    through = first is null;
                    if (first is not null)
                    {
                        messages.Add(first);
                        times++;
                        Require(Failure(() => detector.Detect(picture)) is not null, "a lost device detects");
                        Require(Failure(() => detector.DetectAsync(picture).GetAwaiter().GetResult()) is not null, "a lost device detects");
                        Failure(detector.TrimMemory);
                    }
                    lose(0);
                    // Disposed while it is lost.
                }
                lose(-1);
            }
        }
        using (var again = TextDetector.Load(weights, options))
        {
            again.Detect(picture);
        }
        return $"lost at {times} different calls of the driver: DeviceException each time ({messages.Count} messages, such as '{messages.First()}'), "
            + "disposed without error, and a new detector works";
    }

    /// <summary>The message, or null if nothing fails. Any other exception is a find.</summary>
    private static string? Failure(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (DeviceException e)
        {
            return e.Message;
        }
    }

    private static void Require(bool kept, string broken)
    {
        if (!kept)
        {
            throw new TcmException(broken);
        }
    }

    private static string? FindSource()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, Source)))
            {
                return Path.Combine(folder, Source);
            }
        }
        return null;
    }

    private static string? Compiler() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .SelectMany(folder => (string[])[Path.Combine(folder, "gcc"), Path.Combine(folder, "cc")]).FirstOrDefault(File.Exists);
}
