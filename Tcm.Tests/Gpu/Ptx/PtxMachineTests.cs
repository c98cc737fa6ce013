namespace Tcm.Tests.Gpu.Ptx;

/// <summary>Instructions of the interpreter, by the definitions of the PTX ISA.</summary>
public sealed class PtxMachineTests
{
    [Theory]
    [InlineData("div.s32 %r2, %r1, %r3;", 0xFFFFFFF9, 2, 0xFFFFFFFD)]             // toward zero
    [InlineData("rem.s32 %r2, %r1, %r3;", 0xFFFFFFF9, 2, 0xFFFFFFFF)]             // the sign of the dividend
    [InlineData("div.s32 %r2, %r1, %r3;", 0x80000000, 0xFFFFFFFF, 0x80000000)]    // no trap
    [InlineData("shr.s32 %r2, %r1, 40;", 0x80000000, 0, 0xFFFFFFFF)]              // distances are clamped
    [InlineData("shr.u32 %r2, %r1, 32;", 0x80000000, 0, 0)]
    [InlineData("shl.b32 %r2, %r1, 31;", 3, 0, 0x80000000)]
    [InlineData("mul.lo.s32 %r2, %r1, %r3;", 0x10001, 0x10001, 0x20001)]
    [InlineData("max.f32 %f2, %f1, %f3;\nmov.b32 %r2, %f2;", 0x7FC00000, 0x3F800000, 0x3F800000)] // the number
    [InlineData("fma.rn.f32 %f2, %f1, %f1, %f3;\nmov.b32 %r2, %f2;", 0x3F800001, 0xBF800002, 0x28800000)] // rounded once
    [InlineData("mul.f32 %f2, %f1, %f1;\nadd.f32 %f2, %f2, %f3;\nmov.b32 %r2, %f2;", 0x3F800001, 0xBF800002, 0)]
    [InlineData("cvt.rzi.s32.f32 %r2, %f1;", 0x4F800000, 0, 0x7FFFFFFF)]          // saturates
    [InlineData("cvt.rzi.s32.f32 %r2, %f1;", 0xBFE00000, 0, 0xFFFFFFFF)]          // -1.75
    [InlineData("cvt.rzi.s32.f32 %r2, %f1;", 0x7FC00000, 0, 0)]
    [InlineData("cvt.rna.tf32.f32 %r2, %f1;", 0x3F801000, 0, 0x3F802000)]         // ties away from zero
    [InlineData("cvt.rn.bf16x2.f32 %r2, %f1, %f3;", 0x3F808000, 0x3F818000, 0x3F803F82)] // ties to even; the first is the upper half
    [InlineData("cvt.rn.f16x2.f32 %r2, %f1, %f3;", 0x477FF000, 0x33000000, 0x7C000000)] // 65520 is infinite, 2^-25 nothing
    [InlineData("cvt.u16.u32 %rs1, %r1;\ncvt.f32.f16 %f2, %rs1;\nmov.b32 %r2, %f2;", 0x12340001, 0, 0x33800000)] // 2^-24
    [InlineData("setp.lt.f32 %p1, %f1, %f3;\nselp.b32 %r2, 1, 0, %p1;", 0x7FC00000, 0, 0)]
    [InlineData("setp.geu.f32 %p1, %f1, %f3;\nselp.b32 %r2, 1, 0, %p1;", 0x7FC00000, 0, 1)]
    [InlineData("setp.lo.u32 %p1, %r1, %r3;\nselp.b32 %r2, 1, 0, %p1;", 1, 0xFFFFFFFF, 1)]
    [InlineData("setp.lt.s32 %p1, %r1, %r3;\nselp.b32 %r2, 1, 0, %p1;", 1, 0xFFFFFFFF, 0)]
    [InlineData("mul.wide.u32 %rd7, %r1, %r3;\nshr.u64 %rd7, %rd7, 32;\ncvt.u32.u64 %r2, %rd7;", 0xFFFFFFFF, 2, 1)]
    [InlineData("cvt.s64.s32 %rd7, %r1;\nshr.s64 %rd7, %rd7, 40;\ncvt.u32.u64 %r2, %rd7;", 0x80000000, 0, 0xFFFFFFFF)]
    public void Arithmetic_is_that_of_the_definition(string line, uint a, uint b, uint expected) =>
        Assert.Equal(expected, PtxText.One(line, a, b));

    /// <summary>Lanes part, wait for each other at the barrier from both sides of a branch, and a guard lets only some write.</summary>
    [Fact]
    public void Lanes_part_and_join()
    {
        const string lines = """
            and.b32 %r1, %r0, 1;
            setp.eq.u32 %p1, %r1, 0;
            mov.b32 %r2, 7;
            @%p1 bra EVEN;
            mov.b32 %r3, 0;
            LOOP:
            add.s32 %r2, %r2, %r0;
            add.s32 %r3, %r3, 1;
            setp.lt.s32 %p2, %r3, %r0;
            @%p2 bra LOOP;
            EVEN:
            st.shared.b32 [%rd6], %r2;
            bar.sync 0;
            xor.b32 %r4, %r0, 32;
            mul.wide.u32 %rd7, %r4, 4;
            add.s64 %rd7, %rd5, %rd7;
            ld.shared.b32 %r5, [%rd7];
            @!%p1 st.global.b32 [%rd4], %r5;
            """;
        uint[] y = PtxText.Run(lines, new uint[64], 64);
        Assert.Equal(Enumerable.Range(0, 64).Select(t => t % 2 == 0 ? 0u : (uint)(7 + (t ^ 32) * (t ^ 32))), y);
    }

    [Theory]
    [InlineData("bfly", 3, 31)]
    [InlineData("up", 2, 0)]
    [InlineData("down", 5, 31)]
    [InlineData("idx", 9, 31)]
    [InlineData("bfly", 4, 0x181F)] // segments of 8
    [InlineData("down", 3, 0x181F)]
    public void Shuffles_read_their_lane(string mode, int distance, int clamp)
    {
        uint[] y = PtxText.Run($"shfl.sync.{mode}.b32 %r1, %r0, {distance}, {clamp}, 4294967295;\nst.global.b32 [%rd4], %r1;",
            new uint[32]);
        int width = clamp > 31 ? 8 : 32;
        for (int lane = 0; lane < 32; lane++)
        {
            int first = lane / width * width, from = mode switch
            {
                "bfly" => lane ^ distance,
                "up" => lane - distance,
                "down" => lane + distance,
                _ => first + distance % width,
            };
            Assert.Equal(from < first || from >= first + width ? (uint)lane : (uint)from, y[lane]);
        }
    }

    /// <summary>Row r of matrix j is 100 j + 8 r + (0..7), in halves.</summary>
    [Fact]
    public void Ldmatrix_deals_out_words()
    {
        const string lines = """
            ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%rd8];
            st.shared.v4.b32 [%rd9], {%r1, %r2, %r3, %r4};
            bar.sync 0;
            ldmatrix.sync.aligned.m8n8.x4.shared.b16 {	%r5,%r6,%r7,%r8}, [%r9];
            st.global.v4.b32 [%rd10], {%r5, %r6, %r7, %r8};
            """;
        const string head = """
            mul.wide.u32 %rd7, %r0, 16;
            add.s64 %rd8, %rd0, %rd7;
            add.s64 %rd9, %rd5, %rd7;
            add.s64 %rd10, %rd1, %rd7;
            mov.u32 %r9, tile;
            mad.lo.s32 %r9, %r0, 16, %r9;

            """;
        uint[] x = [.. Enumerable.Range(0, 128).Select(w => Pair(w / 32 * 100 + w % 32 * 2))];
        uint[] y = PtxText.Run(head + lines, x, out var profile);
        for (int lane = 0; lane < 32; lane++)
        {
            for (int matrix = 0; matrix < 4; matrix++)
            {
                Assert.Equal(Pair(matrix * 100 + lane / 4 * 8 + lane % 4 * 2), y[lane * 4 + matrix]);
            }
        }
        // Rows one after another: each matrix in one pass; 512 bytes of global memory are 16 sectors.
        int at = profile.Program.Code.ToList().FindIndex(i => i.Mnemonic.StartsWith("ldmatrix", StringComparison.Ordinal));
        Assert.Equal((4, 4), (profile.Passes[at], profile.IdealPasses[at]));
        Assert.All(profile.Sectors.Zip(profile.IdealSectors), s => Assert.Equal(s.Second, s.First));
        Assert.Equal(32, profile.Sectors.Sum());

        static uint Pair(int low) => (uint)(low | (low + 1) << 16);
    }

    /// <summary>a (16,k) times b (k,8), each lane's words as the tables "Matrix Fragments for mma.m16n8k8" and "... k16" say.</summary>
    [Theory]
    [InlineData("m16n8k8.row.col.f32.tf32.tf32.f32", 1)]
    [InlineData("m16n8k16.row.col.f32.f16.f16.f32", 2)]
    [InlineData("m16n8k16.row.col.f32.bf16.bf16.f32", 2)]
    public void Mma_is_a_product_of_matrices(string shape, int each)
    {
        int depth = 8 * each;
        Func<int, int, float> a = (i, k) => (i * 5 + k * 3) % 17 - 8, b = (k, j) => (k * 7 + j * 2) % 13 - 6, c = (i, j) => i - 3 * j;
        // Six words of factors and four of sums a lane, each a column of 32 words.
        var x = new uint[10 * 32];
        for (int lane = 0; lane < 32; lane++)
        {
            int g = lane / 4, t = lane % 4;
            for (int register = 0; register < 4; register++)
            {
                int row = g + register % 2 * 8, k = t * each + register / 2 * 4 * each;
                x[register * 32 + lane] = Word(a(row, k), each == 2 ? a(row, k + 1) : 0);
                x[(6 + register) * 32 + lane] = BitConverter.SingleToUInt32Bits(c(g + register / 2 * 8, t * 2 + register % 2));
            }
            for (int register = 0; register < 2; register++)
            {
                int k = t * each + register * 4 * each;
                x[(4 + register) * 32 + lane] = Word(b(k, g), each == 2 ? b(k + 1, g) : 0);
            }
        }
        string loads = string.Join('\n', Enumerable.Range(0, 10).Select(i => i < 6
            ? $"ld.global.b32 %r{10 + i}, [%rd3+{i * 128}];" : $"ld.global.f32 %f{i}, [%rd3+{i * 128}];"));
        string stores = string.Join('\n', Enumerable.Range(0, 4).Select(i => $"st.global.f32 [%rd4+{i * 128}], %f{6 + i};"));
        uint[] y = PtxText.Run($"{loads}\nmma.sync.aligned.{shape} {{%f6,%f7,%f8,%f9}},{{%r10,%r11,%r12,%r13}},{{%r14,%r15}},"
            + $"{{%f6,%f7,%f8,%f9}};\n{stores}", x);
        for (int lane = 0; lane < 32; lane++)
        {
            for (int register = 0; register < 4; register++)
            {
                int i = lane / 4 + register / 2 * 8, j = lane % 4 * 2 + register % 2;
                float expected = c(i, j) + Enumerable.Range(0, depth).Sum(k => a(i, k) * b(k, j));
                Assert.Equal(expected, BitConverter.UInt32BitsToSingle(y[register * 32 + lane]));
            }
        }

        uint Word(float low, float high) => each == 1 ? BitConverter.SingleToUInt32Bits(low)
            : shape.Contains("bf16", StringComparison.Ordinal)
                ? BitConverter.SingleToUInt32Bits(low) >> 16 | BitConverter.SingleToUInt32Bits(high) & 0xFFFF0000
                : (uint)(BitConverter.HalfToUInt16Bits((Half)low) | BitConverter.HalfToUInt16Bits((Half)high) << 16);
    }

    [Fact]
    public void Atomic_operations_add_up()
    {
        uint[] y = PtxText.Run("atom.add.global.u32 %r1, [%rd1], 2;\nred.max.global.s32 [%rd1+4], %r0;\nst.global.b32 [%rd4+128], %r1;",
            new uint[128], 64);
        Assert.Equal([128u, 63u], y[..2]);
        Assert.Equal(Enumerable.Range(0, 64).Select(i => 2u * (uint)i), y[32..96].Order());
    }

    [Fact]
    public void Asynchronous_copies_are_there_after_the_wait()
    {
        const string lines = """
            mul.wide.u32 %rd7, %r0, 16;
            add.s64 %rd8, %rd0, %rd7;
            mov.u32 %r9, tile;
            mad.lo.s32 %r9, %r0, 16, %r9;
            and.b32 %r1, %r0, 1;
            shl.b32 %r1, %r1, 4;
            cp.async.cg.shared.global [%r9], [%rd8], 16, %r1;
            cp.async.commit_group;
            cp.async.wait_group 0;
            bar.sync 0;
            ld.shared.b32 %r2, [%rd6];
            st.global.b32 [%rd4], %r2;
            """;
        uint[] x = [.. Enumerable.Range(1, 128).Select(i => (uint)i)];
        // Threads of even number copied nothing: zeros.
        Assert.Equal(Enumerable.Range(0, 32).Select(i => i / 4 % 2 == 0 ? 0 : x[i]), PtxText.Run(lines, x)[..32]);
    }
}
