using System.Collections.Concurrent;
using Tcm.Kernels;
using Tcm.Kernels.Cpu;
using Tcm.Tests.Kernels.Reference;

namespace Tcm.Tests.Kernels;

/// <summary>A device under test.</summary>
/// <param name="Name">Shown in the test's name.</param>
/// <param name="Open">Opens it; called once.</param>
/// <param name="SkipReason">Why its tests cannot run here, or null.</param>
/// <param name="Emulated">Runs vectors that the processor lacks through the software fallback: left out of the families
/// that call instructions directly.</param>
internal sealed record TestBackend(string Name, Func<Backend> Open, string? SkipReason = null, bool Emulated = false);

/// <summary>Every backend that the case tables run on. A device is added by one more entry here.</summary>
internal static class TestBackends
{
    private static readonly ConcurrentDictionary<string, Lazy<Backend>> opened = new();

    public static IReadOnlyList<TestBackend> All { get; } =
    [
        new("reference", () => new ReferenceBackend()),
        Cpu(SimdLevel.Portable, 1),
        Cpu(SimdLevel.Portable, 2),
        Cpu(SimdLevel.Avx2, 1),
        Cpu(SimdLevel.Avx2, 2),
        Cpu(SimdLevel.Avx512, 2),
        Accelerator("cuda:0"),
    ];

    public static TheoryData<string> Names => [.. All.Select(b => b.Name)];

    public static TestBackend Find(string name) => All.Single(b => b.Name == name);

    /// <summary>The opened backend, shared by all tests; skips the test where there is none.</summary>
    public static Backend Get(string name)
    {
        var entry = Find(name);
        Assert.SkipWhen(entry.SkipReason is not null, entry.SkipReason ?? "");
        return opened.GetOrAdd(name, _ => new Lazy<Backend>(entry.Open)).Value;
    }

    private static TestBackend Cpu(SimdLevel level, int threads)
    {
        // Without the hardware, 512-bit code still runs through the portable API; 256-bit code calls AVX2 directly.
        bool emulate = level == SimdLevel.Avx512 && !Simd.IsSupported(level);
        string? reason = emulate || Simd.IsSupported(level) ? null : $"this processor has no {level}";
        return new($"cpu {level} x{threads}", () => new CpuBackend(threads, level, emulate), reason, emulate);
    }

    private static TestBackend Accelerator(string name) => new(name, () => Devices.Open(name),
        Devices.List().Any(d => d.Name == name) ? null : $"no device {name}");
}
