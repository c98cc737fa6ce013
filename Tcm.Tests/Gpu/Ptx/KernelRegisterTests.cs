using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>Registers, counted in the texts: what can be known of spills without ptxas.</summary>
public sealed class KernelRegisterTests
{
    private const int RegistersOfMultiprocessor = 65536, MostOfThread = 255;

    /// <summary>
    /// What ptxas is left for addresses and for the products of a step; less in the FP32 tile of 128x128, which keeps 64 sums and the 16
    /// values of the next slab, so that two groups share a multiprocessor. Only a GPU can tell whether that is wise.
    /// </summary>
    private const int Reserve = 32, ReserveOfTile128 = 12;

    /// <summary>
    /// At barriers every kernel keeps what fits with room to work in. Those for tensor cores fit as they are written; of those for FP32,
    /// ILGPU writes all loads of a step before its products, and ptxas must put them in another order.
    /// </summary>
    [Fact]
    public void Every_kernel_has_registers_for_what_it_keeps()
    {
        var report = new List<(int Written, string Line)>();
        var tooMany = new List<string>();
        foreach (var kernel in KernelCatalog.All)
        {
            var live = PtxLiveness.Of(PtxLoader.Program(kernel));
            // A thread gets what its group and the groups beside it leave, in eights.
            int have = Math.Min(RegistersOfMultiprocessor / (kernel.GroupSize * kernel.MinGroups) / 8 * 8, MostOfThread);
            var (written, at) = live.AsWritten;
            string line = $"{kernel}: {have} registers, {live.AtBarriers} kept at barriers, {written} as written (line {at.Line})";
            report.Add((written, line));
            int reserve = kernel.Method.Name == nameof(GemmKernels.Tile128) ? ReserveOfTile128 : Reserve;
            if (live.AtBarriers + reserve > have || (written > have && kernel.Method.DeclaringType != typeof(GemmKernels)))
            {
                tooMany.Add(line);
            }
        }
        if (Environment.GetEnvironmentVariable("TCM_REGISTER_REPORT") is { Length: > 0 } file)
        {
            File.WriteAllLines(file, report.OrderByDescending(r => r.Written).Select(r => r.Line));
        }
        Assert.True(tooMany.Count == 0, string.Join('\n', tooMany));
    }

    [Fact]
    public void Registers_are_counted_where_most_are_kept()
    {
        // At the product the loop keeps a sum, a step, an address of x and what the stores want; then the product, 64 bits as the address.
        var program = PtxProgram.Parse("text", PtxText.Around("""
            ld.global.b32 %r1, [%rd3];
            ld.global.b32 %r2, [%rd3+4];
            ld.global.b32 %r3, [%rd3+8];
            LOOP:
            bar.sync 0;
            add.s32 %r1, %r1, %r2;
            mul.wide.u32 %rd7, %r1, 4;
            add.s64 %rd7, %rd3, %rd7;
            setp.lt.s32 %p1, %r1, 100;
            @%p1 bra LOOP;
            st.global.b32 [%rd7], %r1;
            st.global.b32 [%rd7+4], %r3;
            """));
        var (registers, at) = PtxLiveness.Of(program).AsWritten;
        Assert.Equal("mul.wide.u32", at.Mnemonic);
        Assert.Equal(3 + 2 + 2, registers);
        Assert.Equal(3 + 2, PtxLiveness.Of(program).AtBarriers);
    }
}
