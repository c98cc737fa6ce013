using Tcm.Kernels;
using Tcm.Kernels.Attention;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;
using Tcm.Nn;
using Tcm.Tests.Kernels.Cases;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>
/// What accesses of whole warps cost, counted while the text runs: passes over the 32 banks of shared memory (an access without
/// conflicts takes one for each 128 bytes), and sectors of 32 bytes of global memory.
/// </summary>
[Collection(SimulatorCollection.Name)]
public sealed class KernelTrafficTests
{
    public static TheoryData<Precision> Formats => [Precision.Tf32, Precision.Fp16, Precision.Bf16];

    /// <summary>Full tiles and edges: no access to shared memory meets a conflict, and full tiles write whole sectors.</summary>
    [Theory]
    [MemberData(nameof(Formats))]
    public void Products_on_tensor_cores_meet_no_conflicts(Precision precision)
    {
        foreach (int tile in new[] { 0, 1, 2 })
        {
            var profiles = Run(precision, tile,
                [ProductCases.Linear(128, 128, 64, Activation.None, bias: true, residual: false),
                    ProductCases.Linear(66, 68, 100, Activation.None, bias: true, residual: false)]);
            Assert.All(profiles, p => NoConflicts(p, ""));
            // The host's memory starts on 16 bytes: of a row of 256 the first and the last sector may be halves.
            Assert.InRange(Sectors(profiles[0], "st.global.v4"), 1, 9.0 / 8);
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Attention_on_tensor_cores_meets_no_conflicts(Precision precision)
    {
        using var backend = Open(out var loader, precision);
        ((GpuAttention)backend.Attention).Version = Enum.Parse<GpuAttentionVersion>($"{precision}");
        Assert.All(Profiles(backend, loader, AttentionCases.Packed(1, 2, 33, 64, causal: true)), p => NoConflicts(p, ""));
    }

    [Fact]
    public void Attention_in_half_precision_meets_no_conflicts()
    {
        using var backend = Open(out var loader, Precision.Fp16);
        using var scope = TensorScope.Begin();
        var qkv = Functional.ToHalfTokens(Tensor.From(backend, KernelCase.Values(33 * 192, 1), [1, 33, 192]));
        Functional.PackedAttention(qkv, 1, causal: true).ToArray();
        NoConflicts(loader.Profiles.Single(p => p.Program.Name.StartsWith("HalfAttention", StringComparison.Ordinal)), "");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Products_of_half_images_meet_no_conflicts(int tile)
    {
        using var backend = Open(out var loader, Precision.Fp16);
        var convolution = (GpuConvolution)backend.Convolution;
        (convolution.Version, convolution.TensorTile) = (GpuConvolutionVersion.Half, tile);
        var profiles = Profiles(backend, loader, ProductCases.Convolve(new(64, 128, 3, 3, 1, 1), new(1, 8, 8)))
            .Where(p => p.Program.Name.StartsWith("HalfGemm", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(profiles);
        Assert.All(profiles, p => NoConflicts(p, ""));
    }

    [Theory]
    [InlineData(nameof(GpuMatrixVersion.Tile64))]
    [InlineData(nameof(GpuMatrixVersion.Tile128))]
    public void Tiles_in_registers_are_read_without_conflicts(string version)
    {
        using var backend = Open(out var loader, Precision.Fp32);
        ((GpuMatrixProducts)backend.MatrixProduct).Version = Enum.Parse<GpuMatrixVersion>(version);
        Assert.All(Profiles(backend, loader, ProductCases.Linear(128, 128, 32, Activation.None, bias: true, residual: false)),
            p => NoConflicts(p, "ld.shared"));
    }

    private static List<PtxProfile> Run(Precision precision, int tile, KernelCase[] cases)
    {
        var profiles = new List<PtxProfile>();
        foreach (var kernelCase in cases)
        {
            using var backend = Open(out var loader, precision);
            ((GpuMatrixProducts)backend.MatrixProduct).TensorTile = tile;
            profiles.AddRange(Profiles(backend, loader, kernelCase));
        }
        return profiles;
    }

    private static GpuBackend Open(out PtxLoader loader, Precision precision)
    {
        loader = new PtxLoader();
        return PtxLoader.Open(loader, precision);
    }

    private static List<PtxProfile> Profiles(GpuBackend backend, PtxLoader loader, KernelCase kernelCase)
    {
        using var loaded = new LoadedCase(kernelCase, backend, guard: 64);
        loaded.Run();
        return [.. loader.Profiles];
    }

    private static void NoConflicts(PtxProfile profile, string instruction)
    {
        int met = 0;
        foreach (var (i, code) in profile.Program.Code.Index().Where(c => c.Item.Mnemonic.StartsWith(instruction, StringComparison.Ordinal)))
        {
            Assert.True(profile.Passes[i] == profile.IdealPasses[i],
                $"{profile.Program.Name}, line {code.Line}: {profile.Passes[i]} passes, {profile.IdealPasses[i]} would do");
            met += profile.Passes[i] > 0 ? 1 : 0;
        }
        Assert.NotEqual(0, met);
    }

    /// <summary>Sectors read or written for each that the bytes would fill; 0 where the instruction did not run.</summary>
    private static double Sectors(PtxProfile profile, string instruction)
    {
        var at = profile.Program.Code.Index().Where(c => c.Item.Mnemonic.StartsWith(instruction, StringComparison.Ordinal))
            .Select(c => c.Index).ToList();
        long ideal = at.Sum(i => profile.IdealSectors[i]);
        return ideal == 0 ? 0 : (double)at.Sum(i => profile.Sectors[i]) / ideal;
    }
}
