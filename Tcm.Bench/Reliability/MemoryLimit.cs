using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using Tcm.Detect;
using Tcm.Kernels;

namespace Tcm.Bench.Reliability;

/// <summary>
/// A process whose memory really ends (hidden commands, which <c>soak</c> and the tests start as children): the system gives no more
/// address space, or the collector's heap has a hard limit. A large picture then fails by name, and the detector works on.
/// </summary>
internal static partial class MemoryLimit
{
    /// <summary>The variable that limits the collector's heap, and a value that the small pictures fit in and the large one does not: 192 MiB.</summary>
    public const string HeapVariable = "DOTNET_GCHeapHardLimit", HeapLimit = "0xC000000";

    private const int AddressSpace = 9, Headroom = 48 << 20;

    /// <summary>Whether this system has such limits.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux();

    public static Command CreateNative() => Create("memory-limit", LimitNative);

    public static Command CreateManaged() => Create("heap-limit", LimitManaged);

    /// <summary>Runs a child; its one line.</summary>
    /// <exception cref="TcmException">The child fails.</exception>
    public static string Run(string command, string weights)
    {
        string bench = OnnxProcess.Beside("Tcm.Bench");
        var variables = command == "heap-limit" ? new Dictionary<string, string> { [HeapVariable] = HeapLimit } : [];
        return OnnxProcess.Run(bench, [command, "--weights", weights], variables).Trim();
    }

    private static Command Create(string name, Func<string, string> run)
    {
        var weights = new Option<string>("--weights") { Required = true };
        var command = new Command(name) { weights };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            Console.WriteLine(run(parsed.GetValue(weights)!));
            return 0;
        });
        return command;
    }

    // Pictures of the shorter side are small; one that is 64 times as long is not.
    private static TextDetector Open(string weights) =>
        TextDetector.Load(weights, new TextDetectorOptions { ShortSide = 256, MaxSide = 1 << 14, Threads = 2 });

    private static string LimitNative(string weights)
    {
        using var detector = Open(weights);
        var (small, large) = (Picture(256, 256), Picture(1 << 14, 256));
        string expected = DetectorBits.Of(detector.Detect(small));
        long inUse = detector.Backend.Memory.InUse;
        GetLimit(AddressSpace, out var before);
        SetLimit(AddressSpace, new Limit { Current = (nuint)(VirtualBytes() + Headroom), Most = before.Most });
        var errors = new List<string>();
        for (int i = 0; i < 3; i++)
        {
            errors.Add(Failure(detector, large));
            Require(detector.Backend.Memory.InUse == inUse, "memory is lent after the failure");
            Require(DetectorBits.Of(detector.Detect(small)) == expected, "another result after the failure");
        }
        // Idle memory given back, the small picture has to take it anew, in what is left.
        detector.TrimMemory();
        Require(DetectorBits.Of(detector.Detect(small)) == expected, "another result after trimming");
        SetLimit(AddressSpace, before);
        detector.Detect(large);
        return string.Create(CultureInfo.InvariantCulture, $"{errors.Count} large pictures refused, small ones equal to the bit: {errors[0]}");
    }

    private static string LimitManaged(string weights)
    {
        using var detector = Open(weights);
        var small = Picture(256, 256);
        string expected = DetectorBits.Of(detector.Detect(small));
        byte[] row = new byte[200];
        string error = Failure(() => ImageBuffer.From(Repeated(80_000_000), 10_000, 8_000, PixelFormat.Gray8));
        Require(DetectorBits.Of(detector.Detect(small)) == expected, "another result after the failure");
        GC.KeepAlive(row);
        return $"a picture of 240 MB refused, small ones equal to the bit: {error}";
    }

    /// <summary>Bytes outside of the collector's heap.</summary>
    private static unsafe ReadOnlySpan<byte> Repeated(int length) => new(NativeMemory.AllocZeroed((nuint)length), length);

    private static string Failure(TextDetector detector, ImageBuffer picture) => Failure(() => detector.Detect(picture));

    private static string Failure(Action action)
    {
        try
        {
            action();
        }
        catch (DeviceException e) when (e.IsOutOfMemory)
        {
            return $"{nameof(DeviceException)}: {e.Message}";
        }
        throw new TcmException("the limit was not reached");
    }

    private static ImageBuffer Picture(int width, int height)
    {
        byte[] pixels = new byte[width * height];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = (byte)(i % width / 7 % 2 * 200);
        }
        return ImageBuffer.From(pixels, width, height, PixelFormat.Gray8);
    }

    private static void Require(bool kept, string broken)
    {
        if (!kept)
        {
            throw new TcmException(broken);
        }
    }

    private static long VirtualBytes() => 1024 * long.Parse(File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmSize:", StringComparison.Ordinal))
        .Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);

    private static void SetLimit(int resource, Limit limit) => Require(SetLimit(resource, in limit) == 0, "setrlimit failed");

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetLimit(int resource, in Limit limit);

    private struct Limit
    {
        public nuint Current, Most;
    }
}
