using System.Numerics;
using static Tcm.Tests.Gpu.Ptx.PtxArithmetic;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>What the lanes of a warp do together: shfl.sync, ldmatrix, mma.sync.</summary>
internal static unsafe class PtxCollectives
{
    /// <param name="mnemonic">With its suffixes.</param>
    /// <param name="o">Operands.</param>
    /// <param name="members">The lanes that take part; 0 for all.</param>
    public static PtxExecute? Decode(string mnemonic, PtxOperands o, out uint members)
    {
        members = 0;
        switch (mnemonic.Split('.'))
        {
            case ["shfl", "sync", "up" or "down" or "bfly" or "idx", "b32"]:
                o.Expect(5);
                members = (uint)o.Immediate(4);
                return Shuffle(mnemonic.Split('.')[2], o.Target(0, "b32"), o.Source(1, "b32"), o.Source(2, "u32"), o.Source(3, "u32"),
                    members);
            case ["ldmatrix", "sync", "aligned", "m8n8", "x1" or "x2" or "x4", "shared", "b16"]:
                o.Expect(2);
                return LoadMatrices(o.Targets(0, "b32", mnemonic.Split('.')[4][1] - '0'), o.Address(1), turned: false);
            case ["ldmatrix", "sync", "aligned", "m8n8", "x1" or "x2" or "x4", "trans", "shared", "b16"]:
                o.Expect(2);
                return LoadMatrices(o.Targets(0, "b32", mnemonic.Split('.')[4][1] - '0'), o.Address(1), turned: true);
            case ["mma", "sync", "aligned", "m16n8k8", "row", "col", "f32", "tf32", "tf32", "f32"]:
                return Multiply(o, 1, (word, _) => Tf32(word));
            case ["mma", "sync", "aligned", "m16n8k16", "row", "col", "f32", "f16", "f16", "f32"]:
                return Multiply(o, 2, (word, half) => (float)BitConverter.UInt16BitsToHalf((ushort)(word >> 16 * half)));
            case ["mma", "sync", "aligned", "m16n8k16", "row", "col", "f32", "bf16", "bf16", "f32"]:
                return Multiply(o, 2, (word, half) => Float(half == 0 ? word << 16 : word & 0xFFFF0000));
            default:
                return null;
        }
    }

    /// <summary>PTX ISA, "shfl.sync": the lane that a lane reads from, itself where that is outside of its segment.</summary>
    private static PtxExecute Shuffle(string mode, PtxRegister d, PtxRegister a, PtxRegister b, PtxRegister c, uint members) =>
        (warp, lanes) =>
        {
            Span<uint> values = stackalloc uint[32];
            for (int lane = 0; lane < 32; lane++)
            {
                if ((lanes >> lane & 1) == 0)
                {
                    continue;
                }
                int distance = (int)warp.Get(b, lane) & 31, clamp = (int)warp.Get(c, lane);
                int segment = clamp >> 8 & 31;
                clamp &= 31;
                int last = (lane & segment) | (clamp & ~segment), first = lane & segment;
                var (from, inside) = mode switch
                {
                    "up" => (lane - distance, lane - distance >= last),
                    "down" => (lane + distance, lane + distance <= last),
                    "bfly" => (lane ^ distance, (lane ^ distance) <= last),
                    _ => (first | (distance & ~segment), (first | (distance & ~segment)) <= last),
                };
                from = inside ? from : lane;
                if ((members >> from & 1) == 0)
                {
                    throw new PtxFault($"reads from lane {from}, which takes no part", lane);
                }
                values[lane] = (uint)warp.Get(a, from);
            }
            for (; lanes != 0; lanes &= lanes - 1)
            {
                int lane = BitOperations.TrailingZeroCount(lanes);
                warp.Set(d, lane, values[lane]);
            }
        };

    /// <summary>
    /// Lane 8j + i has the address of row i of matrix j; lane gets word lane % 4 of row lane / 4 of each, or (trans) of the turned
    /// matrix: column lane / 4 of rows 2 (lane % 4) and the one behind it.
    /// </summary>
    private static PtxExecute LoadMatrices(PtxRegister[] to, PtxAddress address, bool turned) => (warp, _) =>
    {
        var shared = warp.Block.Shared;
        for (int matrix = 0; matrix < to.Length; matrix++)
        {
            for (int row = 0; row < 8; row++)
            {
                int lane = 8 * matrix + row;
                ulong at = warp.Addresses[lane] = PtxAccess.At(warp, address, lane);
                var words = (uint*)shared.At(at, 16, lane);
                shared.Read(at, 16, PtxSharedMemory.Warp(warp.Index), lane);
                for (int word = 0; word < 4; word++)
                {
                    // The address may be in a register that is written: matrices are read in order, lane by lane below.
                    warp.Matrix[matrix * 32 + row * 4 + word] = words[word];
                }
            }
        }
        for (int matrix = 0; matrix < to.Length; matrix++)
        {
            for (int lane = 0; lane < 32; lane++)
            {
                warp.Set(to[matrix], lane, turned ? Turned(warp.Matrix, matrix * 32, lane) : warp.Matrix[matrix * 32 + lane]);
            }
        }
        PtxTraffic.Count(warp, to.Length == 4 ? uint.MaxValue : (1u << 8 * to.Length) - 1, 16, shared: true);
    };

    /// <summary>Halves 2 (lane % 4) and the one behind it of column lane / 4.</summary>
    private static uint Turned(uint[] words, int matrix, int lane)
    {
        int row = matrix + lane % 4 * 2 * 4, word = lane / 8, shift = lane / 4 % 2 * 16;
        return (words[row + word] >> shift & 0xFFFF) | words[row + 4 + word] >> shift << 16;
    }

    /// <summary>
    /// d = a b + c with a (16,k) and b (k,8), as the tables of "Matrix Fragments for mma.m16n8k8" and "... mma.m16n8k16" lay them
    /// out: group = lane / 4, in = lane % 4; a word has one value of k, or two.
    /// </summary>
    private static PtxExecute Multiply(PtxOperands o, int each, Func<uint, int, float> value)
    {
        o.Expect(4);
        PtxRegister[] d = o.Targets(0, "f32", 4), a = o.Sources(1, "b32", 4), b = o.Sources(2, "b32", 2), c = o.Sources(3, "f32", 4);
        return (warp, _) =>
        {
            Span<float> rows = stackalloc float[16 * 16], columns = stackalloc float[8 * 16];
            int depth = 8 * each;
            for (int lane = 0; lane < 32; lane++)
            {
                int group = lane / 4, inGroup = lane % 4;
                for (int half = 0; half < each; half++)
                {
                    int low = inGroup * each + half, high = low + 4 * each;
                    for (int register = 0; register < 4; register++)
                    {
                        int row = register % 2 == 0 ? group : group + 8;
                        rows[row * 16 + (register < 2 ? low : high)] = value((uint)warp.Get(a[register], lane), half);
                    }
                    columns[group * 16 + low] = value((uint)warp.Get(b[0], lane), half);
                    columns[group * 16 + high] = value((uint)warp.Get(b[1], lane), half);
                }
            }
            Span<float> sums = stackalloc float[32 * 4];
            for (int lane = 0; lane < 32; lane++)
            {
                for (int register = 0; register < 4; register++)
                {
                    int row = register < 2 ? lane / 4 : lane / 4 + 8, column = lane % 4 * 2 + register % 2;
                    double sum = Float((uint)warp.Get(c[register], lane));
                    for (int k = 0; k < depth; k++)
                    {
                        sum += (double)rows[row * 16 + k] * columns[column * 16 + k];
                    }
                    sums[lane * 4 + register] = (float)sum;
                }
            }
            for (int lane = 0; lane < 32; lane++)
            {
                for (int register = 0; register < 4; register++)
                {
                    warp.Set(d[register], lane, Bits(sums[lane * 4 + register]));
                }
            }
        };
    }

    /// <summary>The core ignores the low 13 bits: who has not rounded them away gets a cut value. Next to zero nobody minds.</summary>
    private static float Tf32(uint word) => float.IsNaN(Float(word)) || (word & 0x1FFF) == 0 ? Float(word)
        : (word & 0x7F800000) == 0 ? Float(word & ~0x1FFFu)
        : throw new PtxFault($"multiplies {Float(word)}, which is not rounded to TF32");
}
