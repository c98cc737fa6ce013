using System.Numerics;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>Loops over the lanes of a warp, 32 of them written out where all take part.</summary>
internal static unsafe class PtxLanes
{
    public static PtxExecute Map32(PtxRegister d, PtxRegister a, Func<uint, uint> f)
    {
        int to = d.Offset, from = a.Offset;
        return (warp, lanes) =>
        {
            uint* r = warp.Registers;
            for (; lanes != 0; lanes &= lanes - 1)
            {
                int lane = BitOperations.TrailingZeroCount(lanes);
                r[to + lane] = f(r[from + lane]);
            }
        };
    }

    public static PtxExecute Zip32(PtxRegister d, PtxRegister a, PtxRegister b, Func<uint, uint, uint> f)
    {
        int to = d.Offset, left = a.Offset, right = b.Offset;
        return (warp, lanes) =>
        {
            uint* r = warp.Registers;
            for (; lanes != 0; lanes &= lanes - 1)
            {
                int lane = BitOperations.TrailingZeroCount(lanes);
                r[to + lane] = f(r[left + lane], r[right + lane]);
            }
        };
    }

    /// <summary>A sum or product of vectors where all lanes take part.</summary>
    public static PtxExecute ZipVectors<T>(PtxRegister d, PtxRegister a, PtxRegister b, Func<uint, uint, uint> f, bool product)
        where T : unmanaged, INumber<T>
    {
        int to = d.Offset, left = a.Offset, right = b.Offset;
        var some = Zip32(d, a, b, f);
        return (warp, lanes) =>
        {
            if (lanes != uint.MaxValue)
            {
                some(warp, lanes);
                return;
            }
            uint* r = warp.Registers;
            for (int i = 0; i < 32; i += Vector<T>.Count)
            {
                var x = *(Vector<T>*)(r + left + i);
                var y = *(Vector<T>*)(r + right + i);
                *(Vector<T>*)(r + to + i) = product ? x * y : x + y;
            }
        };
    }

    public static PtxExecute Copy32(PtxRegister d, PtxRegister a)
    {
        int to = d.Offset, from = a.Offset;
        var some = Map32(d, a, x => x);
        return (warp, lanes) =>
        {
            if (lanes != uint.MaxValue)
            {
                some(warp, lanes);
                return;
            }
            uint* r = warp.Registers;
            for (int i = 0; i < 32; i += Vector<uint>.Count)
            {
                *(Vector<uint>*)(r + to + i) = *(Vector<uint>*)(r + from + i);
            }
        };
    }

    /// <summary>Registers of any width, whose values are zero-extended.</summary>
    public static PtxExecute Map(PtxRegister d, PtxRegister a, Func<ulong, ulong> f) => (warp, lanes) =>
    {
        for (; lanes != 0; lanes &= lanes - 1)
        {
            int lane = BitOperations.TrailingZeroCount(lanes);
            warp.Set(d, lane, f(warp.Get(a, lane)));
        }
    };

    /// <summary>All registers are of 64 bits.</summary>
    public static PtxExecute Zip64(PtxRegister d, PtxRegister a, PtxRegister b, Func<ulong, ulong, ulong> f)
    {
        int to = d.Offset, left = a.Offset, right = b.Offset;
        return (warp, lanes) =>
        {
            ulong* r = (ulong*)(warp.Registers + to), x = (ulong*)(warp.Registers + left), y = (ulong*)(warp.Registers + right);
            for (; lanes != 0; lanes &= lanes - 1)
            {
                int lane = BitOperations.TrailingZeroCount(lanes);
                r[lane] = f(x[lane], y[lane]);
            }
        };
    }

    /// <summary>Factors of 32 bits, a product of 64.</summary>
    public static PtxExecute MultiplyWide(PtxRegister d, PtxRegister a, PtxRegister b, bool signed)
    {
        int to = d.Offset, left = a.Offset, right = b.Offset;
        return (warp, lanes) =>
        {
            ulong* r = (ulong*)(warp.Registers + to);
            uint* x = warp.Registers + left, y = warp.Registers + right;
            for (; lanes != 0; lanes &= lanes - 1)
            {
                int lane = BitOperations.TrailingZeroCount(lanes);
                r[lane] = signed ? (ulong)((long)(int)x[lane] * (int)y[lane]) : (ulong)x[lane] * y[lane];
            }
        };
    }

    public static PtxExecute Zip(PtxRegister d, PtxRegister a, PtxRegister b, Func<ulong, ulong, ulong> f) => (warp, lanes) =>
    {
        for (; lanes != 0; lanes &= lanes - 1)
        {
            int lane = BitOperations.TrailingZeroCount(lanes);
            warp.Set(d, lane, f(warp.Get(a, lane), warp.Get(b, lane)));
        }
    };

    public static PtxExecute Zip(PtxRegister d, PtxRegister a, PtxRegister b, PtxRegister c, Func<ulong, ulong, ulong, ulong> f) =>
        (warp, lanes) =>
        {
            for (; lanes != 0; lanes &= lanes - 1)
            {
                int lane = BitOperations.TrailingZeroCount(lanes);
                warp.Set(d, lane, f(warp.Get(a, lane), warp.Get(b, lane), warp.Get(c, lane)));
            }
        };

    public static PtxExecute Compare32(PtxRegister p, PtxRegister a, PtxRegister b, Func<uint, uint, bool> f)
    {
        int to = p.Offset, left = a.Offset, right = b.Offset;
        return (warp, lanes) =>
        {
            uint* r = warp.Registers;
            uint result = r[to] & ~lanes;
            for (; lanes != 0; lanes &= lanes - 1)
            {
                int lane = BitOperations.TrailingZeroCount(lanes);
                result |= f(r[left + lane], r[right + lane]) ? 1u << lane : 0;
            }
            r[to] = result;
        };
    }

    public static PtxExecute Compare64(PtxRegister p, PtxRegister a, PtxRegister b, Func<ulong, ulong, bool> f) => (warp, lanes) =>
    {
        uint result = warp.Registers[p.Offset] & ~lanes;
        for (; lanes != 0; lanes &= lanes - 1)
        {
            int lane = BitOperations.TrailingZeroCount(lanes);
            result |= f(warp.Get(a, lane), warp.Get(b, lane)) ? 1u << lane : 0;
        }
        warp.Registers[p.Offset] = result;
    };

    /// <summary>Predicates are a bit a lane: all at once.</summary>
    public static PtxExecute Bits(PtxRegister d, PtxRegister a, PtxRegister b, Func<uint, uint, uint> f) => (warp, lanes) =>
    {
        uint* r = warp.Registers;
        r[d.Offset] = (r[d.Offset] & ~lanes) | (f(r[a.Offset], r[b.Offset]) & lanes);
    };

    public static PtxExecute Select(PtxRegister d, PtxRegister a, PtxRegister b, PtxRegister p) => (warp, lanes) =>
    {
        uint chosen = warp.Registers[p.Offset];
        for (; lanes != 0; lanes &= lanes - 1)
        {
            int lane = BitOperations.TrailingZeroCount(lanes);
            warp.Set(d, lane, warp.Get((chosen >> lane & 1) != 0 ? a : b, lane));
        }
    };
}
