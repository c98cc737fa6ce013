using System.Runtime.InteropServices;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>Small hand-written kernels for the tests of the interpreter: one argument of two addresses, x and y.</summary>
internal static class PtxText
{
    private const string Head = """
        .version 7.8
        .target sm_80
        .address_size 64
        .visible .entry Kernel_Test(
            .param .align 8 .b8 _args_0[16]
        )
        {
            .reg .pred %p<8>;
            .reg .b16 %rs<8>;
            .reg .b32 %r<32>;
            .reg .b64 %rd<16>;
            .reg .f32 %f<32>;
            .shared .align 16 .b8 tile[1024];
            ld.param.b64 %rd0, [_args_0];
            ld.param.b64 %rd1, [_args_0+8];
            mov.u32 %r0, %tid.x;
            mul.wide.u32 %rd2, %r0, 4;
            add.s64 %rd3, %rd0, %rd2;
            add.s64 %rd4, %rd1, %rd2;
            mov.u64 %rd5, tile;
            add.s64 %rd6, %rd5, %rd2;

        """;

    /// <summary>A whole text; the lines have %r0 the thread, %rd3 and %rd4 its words of x and y, %rd6 its word of shared memory.</summary>
    public static string Around(string lines) => Head + lines + "\nret;\n}\n";

    /// <summary>Runs the lines on words x, and gives y, of equal length.</summary>
    public static uint[] Run(string lines, uint[] x, int threads = 32, int groups = 1) => Run(lines, x, out _, threads, groups);

    public static unsafe uint[] Run(string lines, uint[] x, out PtxProfile profile, int threads = 32, int groups = 1)
    {
        var program = PtxProgram.Parse("test", Around(lines));
        int words = x.Length;
        var from = (uint*)NativeMemory.AlignedAlloc((nuint)words * 4, 256);
        var to = (uint*)NativeMemory.AlignedAlloc((nuint)words * 4, 256);
        try
        {
            x.CopyTo(new Span<uint>(from, words));
            new Span<uint>(to, words).Clear();
            var memory = new PtxGlobalMemory();
            memory.Add((ulong)from, words * 4L);
            memory.Add((ulong)to, words * 4L);
            ulong[] parameter = [(ulong)from, (ulong)to];
            var machine = new PtxMachine(program, threads);
            machine.Run(groups, memory, MemoryMarshal.AsBytes(parameter.AsSpan()).ToArray());
            profile = machine.Profile;
            return new Span<uint>(to, words).ToArray();
        }
        finally
        {
            NativeMemory.AlignedFree(from);
            NativeMemory.AlignedFree(to);
        }
    }

    /// <summary>What the lines do to one word in all lanes, from %r1 (or %f1, the same bits) to %r2 (or %f2).</summary>
    public static uint One(string line, uint a, uint b = 0)
    {
        uint[] x = [.. Enumerable.Repeat(a, 32), .. Enumerable.Repeat(b, 32)];
        string lines = "ld.global.b32 %r1, [%rd3];\nld.global.b32 %r3, [%rd3+128];\nmov.b32 %f1, %r1;\nmov.b32 %f3, %r3;\n" + line
            + "\nst.global.b32 [%rd4], %r2;";
        return Run(lines, x)[5];
    }
}
