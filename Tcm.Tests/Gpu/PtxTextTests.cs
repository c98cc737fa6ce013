using Tcm.Kernels.Gpu;

namespace Tcm.Tests.Gpu;

public sealed class PtxTextTests
{
    [Fact]
    public void DropUniform_removes_only_the_hint()
    {
        const string ptx = "\tbra.uni\tL_1;\n\t@%p1 bra L_2;\n\tbrx.idx.uni %r1, ts;\n\tcall.uni foo;\n";
        Assert.Equal("\tbra\tL_1;\n\t@%p1 bra L_2;\n\tbrx.idx %r1, ts;\n\tcall.uni foo;\n", PtxRewriter.DropUniform(ptx));
    }

    [Fact]
    public void PromoteLocals_turns_a_slot_into_a_register()
    {
        const string ptx = "\t.local .align 4 .b8 __local_depot0[4];\n\tmov.b64\t%rd7, __local_depot0;\n"
            + "\tst.local.f32\t[%rd7], %f1;\n\tld.local.f32\t%f2, [%rd7];\n\tadd.s64 %rd70, %rd71, 1;\n";
        Assert.Equal("\t.reg .b32 local_depot0_r;\n\tmov.f32\tlocal_depot0_r, %f1;\n\tmov.f32\t%f2, local_depot0_r;\n"
            + "\tadd.s64 %rd70, %rd71, 1;\n", PtxRewriter.PromoteLocals(ptx));
    }

    [Theory]
    [InlineData("\tadd.u64 %rd9, %rd7, 4;\n", 4)] // the address escapes
    [InlineData("", 64)] // an array
    [InlineData("\tst.local.v4.f32\t[%rd7], {%f1, %f2, %f3, %f4};\n", 8)] // wider than the slot's register
    public void PromoteLocals_leaves_other_slots_alone(string use, int bytes)
    {
        string ptx = $"\t.local .align 4 .b8 __local_depot0[{bytes}];\n\tmov.b64\t%rd7, __local_depot0;\n"
            + "\tst.local.f32\t[%rd7], %f1;\n" + use;
        Assert.Equal(ptx, PtxRewriter.PromoteLocals(ptx));
    }

    [Fact]
    public void Renumber_counts_labels_and_parameters_only()
    {
        const string ptx = ".target sm_90\n.param .b8 _args_41[8]\nld.param.b64 %rd5, [_args_41+4];\nL_77:\n@%p1 bra L_80;\n"
            + "bra L_77;\nmov.b64 %rd5, __shared_alloca0;\n";
        Assert.Equal(".target sm_90\n.param .b8 _args_0[8]\nld.param.b64 %rd5, [_args_0+4];\nL_1:\n@%p1 bra L_2;\nbra L_1;\n"
            + "mov.b64 %rd5, __shared_alloca0;\n", PtxRewriter.Renumber(ptx));
    }

    [Theory]
    [InlineData(".extern .func foo;", "nothing defines")]
    [InlineData("\tbra.uni L_1;", "uniform")]
    [InlineData("mov.b64 %rd1, __local_depot3;", "local memory")]
    [InlineData("\tld.local.f32 %f1, [%rd1];", "local memory")]
    [InlineData("tanh.approx.ftz.f32 %f1, %f2;", "tanh")]
    [InlineData("selp.b32 %f1, 0f00000001, 0f00000000, %p1;", "0f00000001")]
    [InlineData("mov.f32 %f1, 0fFFFFFFFE;", "0fFFFFFFFE")]
    [InlineData(".shared .align 16 .b8 a[32768];\n.shared .align 4 .b32 b[4097];", "49156 bytes")]
    public void Lint_finds(string ptx, string expected) =>
        Assert.Contains(expected, Assert.Single(PtxLint.Check(ptx)), StringComparison.Ordinal);

    [Fact]
    public void Lint_accepts_sound_text()
    {
        Assert.Empty(PtxLint.Check("\tbra L_1;\n.shared .align 16 .b8 a[49152];\nld.shared.f32 %f1, [%rd1];\nmov.f32 %f2, 0f00000000;"
            + "mov.f32 %f3, 0fFF800000;"));
        Assert.Equal(2, PtxLint.Count("\tld.shared.v4.f32 a;\n\tld.shared.f32 b;\n\tst.shared.f32 c;", "ld.shared"));
    }
}
