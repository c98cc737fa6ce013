using System.Numerics;
using static Tcm.Tests.Gpu.Ptx.PtxArithmetic;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>Loads, stores, atomic operations and asynchronous copies.</summary>
internal static unsafe class PtxAccess
{
    private static readonly Dictionary<string, Func<uint, uint, uint>> atomics = new()
    {
        ["add.u32"] = (a, b) => a + b,
        ["add.s32"] = (a, b) => a + b,
        ["add.f32"] = (a, b) => Bits(Float(a) + Float(b)),
        ["min.s32"] = (a, b) => (uint)Math.Min((int)a, (int)b),
        ["max.s32"] = (a, b) => (uint)Math.Max((int)a, (int)b),
        ["min.u32"] = Math.Min,
        ["max.u32"] = Math.Max,
        ["exch.b32"] = (_, b) => b,
    };

    public static PtxExecute? Decode(string mnemonic, PtxOperands o)
    {
        switch (mnemonic.Split('.'))
        {
            case ["ld", "param", var type]:
                o.Expect(2);
                return Parameter(o.Target(0, type, wider: true), o.ParameterOffset(1), PtxTypes.Bytes(type));
            case ["ld", "global" or "shared", var type]:
                o.Expect(2);
                return Load(mnemonic, o.Targets(0, type, 1, wider: true), o.Address(1), PtxTypes.Bytes(type));
            case ["ld", "global" or "shared", "v2" or "v4", var type]:
                o.Expect(2);
                return Load(mnemonic, o.Targets(0, type, mnemonic.Contains(".v2", StringComparison.Ordinal) ? 2 : 4), o.Address(1),
                    PtxTypes.Bytes(type));
            case ["st", "global" or "shared", var type]:
                o.Expect(2);
                return Store(mnemonic, o.Sources(1, type, 1, wider: true), o.Address(0), PtxTypes.Bytes(type));
            case ["st", "global" or "shared", "v2" or "v4", var type]:
                o.Expect(2);
                return Store(mnemonic, o.Sources(1, type, mnemonic.Contains(".v2", StringComparison.Ordinal) ? 2 : 4), o.Address(0),
                    PtxTypes.Bytes(type));
            case ["red", var space and ("global" or "shared"), var operation, var type]
                when atomics.TryGetValue($"{operation}.{type}", out var f):
                o.Expect(2);
                return Atomic(space, null, o.Address(0), o.Source(1, type), f);
            // ILGPU writes the operation first.
            case ["red", var operation, var space and ("global" or "shared"), var type]
                when atomics.TryGetValue($"{operation}.{type}", out var f):
                o.Expect(2);
                return Atomic(space, null, o.Address(0), o.Source(1, type), f);
            case ["atom", var operation, var space and ("global" or "shared"), var type]
                when atomics.TryGetValue($"{operation}.{type}", out var f):
                o.Expect(3);
                return Atomic(space, o.Target(0, type), o.Address(1), o.Source(2, type), f);
            case ["cp", "async", "cg", "shared", "global"]:
                return Copy(o.Address(0), o.Address(1), o.Immediate(2) == 16 ? 16 : throw new FormatException("cg copies 16 bytes"),
                    o.Count == 4 ? o.Source(3, "u32") : null);
            case ["cp", "async", "commit_group"]:
                o.Expect(0);
                return (warp, lanes) => ForEach(lanes, warp.Copies.Commit);
            case ["cp", "async", "wait_group"]:
                o.Expect(1);
                int pending = (int)o.Immediate(0);
                return (warp, lanes) => warp.Copies.Wait(warp, lanes, pending);
            case ["cp", "async", "wait_all"]:
                o.Expect(0);
                return (warp, lanes) => warp.Copies.Wait(warp, lanes, -1);
            default:
                return null;
        }
    }

    public static ulong At(PtxWarp warp, PtxAddress address, int lane) =>
        (address.Base is { } register ? warp.Get(register, lane) : 0) + (ulong)address.Offset;

    private static PtxExecute Parameter(PtxRegister to, int offset, int bytes) => (warp, lanes) =>
    {
        var parameter = warp.Block.Parameter;
        if (offset % bytes != 0 || offset + bytes > parameter.Length)
        {
            throw new PtxFault($"{bytes} bytes at {offset} of the {parameter.Length} of the parameter");
        }
        ulong value = 0;
        for (int i = 0; i < bytes; i++)
        {
            value |= (ulong)parameter[offset + i] << 8 * i;
        }
        ForEach(lanes, lane => warp.Set(to, lane, value));
    };

    private static PtxExecute Load(string mnemonic, PtxRegister[] to, PtxAddress address, int element)
    {
        bool shared = mnemonic.StartsWith("ld.shared", StringComparison.Ordinal);
        int bytes = element * to.Length;
        return (warp, lanes) =>
        {
            for (uint left = lanes; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                ulong at = warp.Addresses[lane] = At(warp, address, lane);
                byte* from = Place(warp, at, bytes, lane, shared);
                if (shared)
                {
                    warp.Block.Shared.Read(at, bytes, warp.Index * 32 + lane, lane);
                }
                for (int i = 0; i < to.Length; i++)
                {
                    warp.Set(to[i], lane, element switch
                    {
                        1 => from[i],
                        2 => ((ushort*)from)[i],
                        4 => ((uint*)from)[i],
                        _ => ((ulong*)from)[i],
                    });
                }
            }
            PtxTraffic.Count(warp, lanes, bytes, shared);
        };
    }

    private static PtxExecute Store(string mnemonic, PtxRegister[] from, PtxAddress address, int element)
    {
        bool shared = mnemonic.StartsWith("st.shared", StringComparison.Ordinal);
        int bytes = element * from.Length;
        return (warp, lanes) =>
        {
            for (uint left = lanes; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                ulong at = warp.Addresses[lane] = At(warp, address, lane);
                byte* to = Place(warp, at, bytes, lane, shared);
                if (shared)
                {
                    warp.Block.Shared.Write(at, bytes, warp.Index * 32 + lane, lane);
                }
                for (int i = 0; i < from.Length; i++)
                {
                    ulong value = warp.Get(from[i], lane);
                    if (!shared)
                    {
                        warp.Block.Memory.Write(at + (ulong)(i * element), warp.FirstThread + lane,
                            element == 4 && ((uint*)to)[i] != (uint)value, lane);
                    }
                    switch (element)
                    {
                        case 1:
                            to[i] = (byte)value;
                            break;
                        case 2:
                            ((ushort*)to)[i] = (ushort)value;
                            break;
                        case 4:
                            ((uint*)to)[i] = (uint)value;
                            break;
                        default:
                            ((ulong*)to)[i] = value;
                            break;
                    }
                }
            }
            PtxTraffic.Count(warp, lanes, bytes, shared);
        };
    }

    private static PtxExecute Atomic(string space, PtxRegister? old, PtxAddress address, PtxRegister operand,
        Func<uint, uint, uint> f) => (warp, lanes) => ForEach(lanes, lane =>
    {
        ulong at = At(warp, address, lane);
        var place = (uint*)Place(warp, at, 4, lane, space == "shared");
        if (space == "shared")
        {
            warp.Block.Shared.Write(at, 4, warp.Index * 32 + lane, lane, atomic: true);
        }
        uint before = *place;
        *place = f(before, (uint)warp.Get(operand, lane));
        if (old is not null)
        {
            warp.Set(old, lane, before);
        }
    });

    private static PtxExecute Copy(PtxAddress to, PtxAddress from, int bytes, PtxRegister? read) => (warp, lanes) =>
    {
        ForEach(lanes, lane =>
        {
            int wanted = read is null ? bytes : (int)warp.Get(read, lane);
            if (wanted < 0 || wanted > bytes)
            {
                throw new PtxFault($"copies {wanted} of {bytes} bytes", lane);
            }
            warp.Addresses[lane] = At(warp, to, lane);
            warp.Copies.Issue(warp, lane, warp.Addresses[lane], At(warp, from, lane), bytes, wanted);
        });
        PtxTraffic.Count(warp, lanes, bytes, shared: true);
    };

    private static byte* Place(PtxWarp warp, ulong address, int bytes, int lane, bool shared)
    {
        if (shared)
        {
            return warp.Block.Shared.At(address, bytes, lane);
        }
        warp.Block.Memory.Check(address, bytes, lane);
        return (byte*)address;
    }

    private static void ForEach(uint lanes, Action<int> action)
    {
        for (; lanes != 0; lanes &= lanes - 1)
        {
            action(BitOperations.TrailingZeroCount(lanes));
        }
    }
}

/// <summary>What an access of a warp costs: passes over the banks of shared memory, sectors of global memory.</summary>
internal static class PtxTraffic
{
    /// <summary>Of the addresses in <see cref="PtxWarp.Addresses"/>.</summary>
    public static void Count(PtxWarp warp, uint lanes, int bytes, bool shared)
    {
        var profile = warp.Block.Profile;
        if (!shared)
        {
            var (sectors, ideal) = Sectors(warp.Addresses, lanes, bytes);
            profile.Sectors[warp.Current] += sectors;
            profile.IdealSectors[warp.Current] += ideal;
            return;
        }
        // 128 bytes at a time: all lanes, halves or quarters of the warp.
        int each = 128 / Math.Max(4, bytes);
        for (int first = 0; first < 32; first += each)
        {
            uint phase = lanes & (each == 32 ? uint.MaxValue : ((1u << each) - 1) << first);
            if (phase != 0)
            {
                profile.Passes[warp.Current] += Passes(warp.Addresses, phase, bytes);
                profile.IdealPasses[warp.Current]++;
            }
        }
    }

    /// <summary>The most different words that one of the 32 banks has to serve.</summary>
    public static int Passes(ulong[] addresses, uint lanes, int bytes)
    {
        Span<ulong> words = stackalloc ulong[32 * 4];
        Span<int> load = stackalloc int[32];
        load.Clear();
        int count = 0, most = 0;
        for (; lanes != 0; lanes &= lanes - 1)
        {
            ulong first = addresses[BitOperations.TrailingZeroCount(lanes)] / 4;
            for (ulong word = first; word < first + (ulong)Math.Max(1, bytes / 4); word++)
            {
                if (!words[..count].Contains(word))
                {
                    words[count++] = word;
                    most = Math.Max(most, ++load[(int)(word % 32)]);
                }
            }
        }
        return most;
    }

    private static (int Sectors, int Ideal) Sectors(ulong[] addresses, uint lanes, int bytes)
    {
        Span<ulong> sectors = stackalloc ulong[32], places = stackalloc ulong[32];
        int count = 0, different = 0;
        for (; lanes != 0; lanes &= lanes - 1)
        {
            ulong address = addresses[BitOperations.TrailingZeroCount(lanes)];
            if (!sectors[..count].Contains(address / 32))
            {
                sectors[count++] = address / 32;
            }
            if (!places[..different].Contains(address))
            {
                places[different++] = address;
            }
        }
        return (count, (different * bytes + 31) / 32);
    }
}
