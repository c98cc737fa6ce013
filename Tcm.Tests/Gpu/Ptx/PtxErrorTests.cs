namespace Tcm.Tests.Gpu.Ptx;

/// <summary>What a GPU would do wrong in silence, or refuse, is an error of the interpreter.</summary>
public sealed class PtxErrorTests
{
    [Theory]
    [InlineData("add.s32 %r1, %r2, 1;", "thread 0, line 22 (add.s32 %r1, %r2, 1;): reads %r2, which nothing has written")]
    [InlineData("ld.global.b32 %r1, [%rd3+128];", "are in no view")]
    [InlineData("ld.global.b32 %r1, [%rd3+2];", "is not a multiple of 4")]
    [InlineData("ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%rd3];", "thread 1, line 22")]
    [InlineData("st.shared.b32 [%rd6+1024], %r0;", "4 bytes at 1024 of 1024 in shared memory")]
    [InlineData("ld.shared.b32 %r1, [%rd6];", "reads word 0 of shared memory, which no thread of the block has written")]
    [InlineData("st.shared.b32 [%rd6], %r0;\nld.shared.b32 %r1, [%rd5];", "thread 1, line 23")]
    [InlineData("st.shared.b32 [%rd5], %r0;", "writes word 0 of shared memory, which thread 0 wrote since the last barrier")]
    [InlineData("st.shared.b32 [%rd6], %r0;\nbar.sync 0;\nld.shared.b32 %r1, [%rd5+124];\nst.shared.b32 [%rd6], %r0;",
        "thread 31, line 25 (st.shared.b32 [%rd6], %r0;): writes word 31 of shared memory, which several threads read")]
    [InlineData("mov.u32 %r9, tile;\nmad.lo.s32 %r9, %r0, 16, %r9;\ncp.async.cg.shared.global [%r9], [%rd0], 16;\nbar.sync 0;\n"
        + "ld.shared.b32 %r1, [%rd6];", "reads word 0 of shared memory, to which a copy is under way")]
    [InlineData("mov.u32 %r9, tile;\nmad.lo.s32 %r9, %r0, 16, %r9;\ncp.async.cg.shared.global [%r9], [%rd0], 16;\n",
        "ends while copies to shared memory are under way")]
    [InlineData("setp.eq.u32 %p1, %r0, 3;\n@%p1 ret;\nshfl.sync.bfly.b32 %r1, %r0, 1, 31, 4294967295;",
        "waits for lanes 00000008 that have ended")]
    [InlineData("setp.eq.u32 %p1, %r0, 3;\n@%p1 bra A;\nbar.sync 0;\nbra B;\nA:\nbar.sync 0;\nB:", "waits while lane 3 waits at line 27")]
    [InlineData("mov.b32 %r1, 0;\nmov.b32 %r2, 1061000000;\nmov.f32 %f1, 0f00000000;\nmma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        + "{%f1,%f2,%f3,%f4},{%r1,%r2,%r1,%r1},{%r1,%r1},{%f1,%f1,%f1,%f1};", "which is not rounded to TF32")]
    [InlineData("st.global.b32 [%rd1], %r0;", "thread 1, line 22")]
    [InlineData("mov.b32 %r1, 0;\nrem.s32 %r2, %r0, %r1;", "division by zero")]
    public void What_a_kernel_does_wrong_is_named(string lines, string expected)
    {
        string message = Assert.Throws<PtxException>(() => PtxText.Run(lines, new uint[32])).Message;
        Assert.StartsWith("test: block 0, thread ", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("wgmma.fence.sync.aligned;", "test, line 22: unknown instruction wgmma.fence.sync.aligned")]
    [InlineData("add.s32 %f1, %r0, 1;", "register %f1 (f, Bits32) does not fit type .s32")]
    [InlineData("mov.b32 %rd7, %r0;", "register %rd7 (b, Bits64) does not fit type .b32")]
    [InlineData("add.f32 %f1, %f1, 1;", "1 is neither a register nor a constant of type .f32")]
    [InlineData("bra NOWHERE;", "no label NOWHERE")]
    [InlineData("add.s32 %r99, %r0, 1;", "no register %r99")]
    [InlineData("add.s32 %r1, %r0;", "line 22")]
    [InlineData("ld.param.b32 %r1, [_args_7];", "no parameter _args_7")]
    [InlineData("setp.lo.f32 %p1, %f1, %f1;", "unknown comparison .lo.f32")]
    [InlineData(".reg .f128 %q;", "unknown type .f128")]
    [InlineData(".local .align 4 .b8 __local_depot0[64];", "unknown directive")]
    public void What_a_text_says_wrong_is_named(string line, string expected) =>
        Assert.Contains(expected, Assert.Throws<PtxException>(() => PtxProgram.Parse("test", PtxText.Around(line))).Message,
            StringComparison.Ordinal);

    /// <summary>A barrier taken from a real kernel leaves a race.</summary>
    [Fact]
    public void A_missing_barrier_shows()
    {
        const string sum = "st.shared.b32 [%rd6], %r0;\nbar.sync 0;\nxor.b32 %r1, %r0, 32;\nmul.wide.u32 %rd7, %r1, 4;\n"
            + "add.s64 %rd7, %rd5, %rd7;\nld.shared.b32 %r2, [%rd7];\nst.global.b32 [%rd4], %r2;";
        Assert.Equal(Enumerable.Range(0, 64).Select(i => (uint)i ^ 32), PtxText.Run(sum, new uint[64], 64));
        Assert.Throws<PtxException>(() => PtxText.Run(sum.Replace("bar.sync 0;\n", "", StringComparison.Ordinal), new uint[64], 64));
    }
}
