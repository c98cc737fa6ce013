using System.Text.RegularExpressions;
using Tcm.Kernels;
using Tcm.Tests.Kernels.Cases;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>
/// Each barrier and each wait of the kernels that share memory is needed, and the interpreter sees when one is missing: without it two
/// threads meet at a word, or a copy is read too soon.
/// </summary>
[Collection(SimulatorCollection.Name)]
public sealed partial class KernelBarrierTests
{
    private static readonly (string Family, string Version, KernelCase Case)[] kernels =
    [
        ("MatrixProduct", "Fp16", ProductCases.Linear(66, 68, 200, Activation.None, bias: true, residual: false)),
        ("MatrixProduct", "Tile64", ProductCases.Linear(66, 68, 100, Activation.None, bias: true, residual: false)),
        ("MatrixProduct", "Tile128", ProductCases.Linear(66, 68, 100, Activation.None, bias: true, residual: false)),
        ("Convolution", "Half", ProductCases.Convolve(new(64, 64, 3, 3, 1, 1), new(1, 8, 8))),
        ("Attention", "Flash", AttentionCases.Packed(1, 2, 70, 64, causal: true)),
        ("Attention", "Tf32", AttentionCases.Packed(1, 2, 70, 64, causal: true)),
        ("Gradients", "Auto", GradientCases.PackedAttention(1, 2, 70, 64, causal: true)),
    ];

    public static TheoryData<int, string> Kernels() => [.. kernels.Index().Select(k => (k.Index, $"{k.Item.Family} {k.Item.Version}"))];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Every_barrier_and_wait_is_needed(int index, string name)
    {
        int found = 0;
        Run(index, text => text);
        for (int i = 0; i <= found; i++)
        {
            bool removed = false;
            string Without(string text)
            {
                var all = Synchronization().Matches(text);
                found = Math.Max(found, all.Count);
                removed |= i < all.Count;
                return i < all.Count ? text.Remove(all[i].Index, all[i].Length) : text;
            }
            var error = Record.Exception(() => Run(index, Without));
            Assert.True(!removed || error is PtxException, $"{name}: number {i} can be left out: {error?.Message}");
        }
        Assert.NotEqual(0, found);
    }

    private static void Run(int index, Func<string, string> edit)
    {
        var (family, version, kernelCase) = kernels[index];
        using var backend = PtxLoader.Open(new PtxLoader(edit));
        GpuParityTests.Choose(backend, family, version);
        using var loaded = new LoadedCase(kernelCase, backend, guard: 40);
        loaded.Run();
    }

    [GeneratedRegex(@"\tbar\.sync\t0;|cp\.async\.(wait_group 1|wait_all|commit_group);")]
    private static partial Regex Synchronization();
}
