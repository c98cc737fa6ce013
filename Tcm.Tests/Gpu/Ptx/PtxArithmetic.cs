using System.Numerics;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>
/// Integer, floating-point, comparison, logic and move instructions. Products and sums are rounded each by itself, although ptxas
/// may fuse what is not marked .rn; the approximations (2 ulp and less on a GPU) are exact here.
/// </summary>
internal static class PtxArithmetic
{
    private static readonly Dictionary<string, Func<uint, uint>> unary32 = new()
    {
        ["neg.f32"] = a => a ^ 0x80000000,
        ["abs.f32"] = a => a & 0x7FFFFFFF,
        ["neg.s32"] = a => (uint)-(int)a,
        ["abs.s32"] = a => (int)a < 0 ? (uint)-(int)a : a,
        ["not.b32"] = a => ~a,
        ["popc.b32"] = a => (uint)BitOperations.PopCount(a),
        ["clz.b32"] = a => (uint)BitOperations.LeadingZeroCount(a),
        ["rcp.rn.f32"] = a => Bits(1 / Float(a)),
        ["sqrt.rn.f32"] = a => Bits(MathF.Sqrt(Float(a))),
        ["rcp.approx.f32"] = a => Bits(1 / Float(a)),
        ["sqrt.approx.f32"] = a => Bits(MathF.Sqrt(Float(a))),
        ["rsqrt.approx.f32"] = a => Bits((float)(1 / Math.Sqrt(Float(a)))),
        ["ex2.approx.f32"] = a => Bits((float)Math.Pow(2, Float(a))),
        ["lg2.approx.f32"] = a => Bits((float)Math.Log2(Float(a))),
        ["sin.approx.f32"] = a => Bits((float)Math.Sin(Float(a))),
        ["cos.approx.f32"] = a => Bits((float)Math.Cos(Float(a))),
        ["tanh.approx.f32"] = a => Bits((float)Math.Tanh(Float(a))),
    };

    private static readonly Dictionary<string, Func<uint, uint, uint>> binary32 = new()
    {
        ["add.s32"] = (a, b) => a + b,
        ["add.u32"] = (a, b) => a + b,
        ["sub.s32"] = (a, b) => a - b,
        ["sub.u32"] = (a, b) => a - b,
        ["mul.lo.s32"] = (a, b) => a * b,
        ["mul.lo.u32"] = (a, b) => a * b,
        ["div.s32"] = (a, b) => (uint)Divide((int)a, (int)b),
        ["rem.s32"] = (a, b) => (uint)((int)a - Divide((int)a, (int)b) * (int)b),
        ["div.u32"] = (a, b) => b == 0 ? throw ByZero() : a / b,
        ["rem.u32"] = (a, b) => b == 0 ? throw ByZero() : a % b,
        ["min.s32"] = (a, b) => (uint)Math.Min((int)a, (int)b),
        ["max.s32"] = (a, b) => (uint)Math.Max((int)a, (int)b),
        ["min.u32"] = Math.Min,
        ["max.u32"] = Math.Max,
        ["and.b32"] = (a, b) => a & b,
        ["or.b32"] = (a, b) => a | b,
        ["xor.b32"] = (a, b) => a ^ b,
        ["add.f32"] = (a, b) => Bits(Float(a) + Float(b)),
        ["sub.f32"] = (a, b) => Bits(Float(a) - Float(b)),
        ["mul.f32"] = (a, b) => Bits(Float(a) * Float(b)),
        ["add.rn.f32"] = (a, b) => Bits(Float(a) + Float(b)),
        ["mul.rn.f32"] = (a, b) => Bits(Float(a) * Float(b)),
        ["div.rn.f32"] = (a, b) => Bits(Float(a) / Float(b)),
        // Where one is no number, the other.
        ["max.f32"] = (a, b) => float.IsNaN(Float(a)) ? b : float.IsNaN(Float(b)) ? a : Bits(MathF.Max(Float(a), Float(b))),
        ["min.f32"] = (a, b) => float.IsNaN(Float(a)) ? b : float.IsNaN(Float(b)) ? a : Bits(MathF.Min(Float(a), Float(b))),
    };

    private static readonly Dictionary<string, Func<ulong, ulong, ulong>> binary64 = new()
    {
        ["add.s64"] = (a, b) => a + b,
        ["add.u64"] = (a, b) => a + b,
        ["sub.s64"] = (a, b) => a - b,
        ["sub.u64"] = (a, b) => a - b,
        ["mul.lo.s64"] = (a, b) => a * b,
        ["mul.lo.u64"] = (a, b) => a * b,
        ["div.s64"] = (a, b) => b == 0 ? throw ByZero() : (ulong)((long)a / (long)b),
        ["rem.s64"] = (a, b) => b == 0 ? throw ByZero() : (ulong)((long)a % (long)b),
        ["min.s64"] = (a, b) => (ulong)Math.Min((long)a, (long)b),
        ["max.s64"] = (a, b) => (ulong)Math.Max((long)a, (long)b),
        ["and.b64"] = (a, b) => a & b,
        ["or.b64"] = (a, b) => a | b,
        ["xor.b64"] = (a, b) => a ^ b,
    };

    private static readonly Dictionary<string, Func<ulong, ulong, ulong, ulong>> ternary = new()
    {
        ["mad.lo.s32"] = (a, b, c) => (uint)a * (uint)b + (uint)c,
        ["mad.lo.u32"] = (a, b, c) => (uint)a * (uint)b + (uint)c,
        ["mad.lo.s64"] = (a, b, c) => a * b + c,
        ["mad.lo.u64"] = (a, b, c) => a * b + c,
        ["fma.rn.f32"] = (a, b, c) => Bits(MathF.FusedMultiplyAdd(Float((uint)a), Float((uint)b), Float((uint)c))),
    };

    // The second operand is 32 bits wide whatever is shifted; distances beyond the width shift all out.
    private static readonly Dictionary<string, Func<ulong, ulong, ulong>> shifts = new()
    {
        ["shl.b32"] = (a, n) => n > 31 ? 0 : (uint)a << (int)n,
        ["shr.u32"] = (a, n) => n > 31 ? 0 : (uint)a >> (int)n,
        ["shr.b32"] = (a, n) => n > 31 ? 0 : (uint)a >> (int)n,
        ["shr.s32"] = (a, n) => (uint)((int)a >> (int)Math.Min(n, 31)),
        ["shl.b64"] = (a, n) => n > 63 ? 0 : a << (int)n,
        ["shr.u64"] = (a, n) => n > 63 ? 0 : a >> (int)n,
        ["shr.s64"] = (a, n) => (ulong)((long)a >> (int)Math.Min(n, 63)),
    };

    private static readonly Dictionary<string, Func<uint, uint, uint>> logic = new()
    {
        ["and.pred"] = (a, b) => a & b,
        ["or.pred"] = (a, b) => a | b,
        ["xor.pred"] = (a, b) => a ^ b,
    };

    public static float Float(uint bits) => BitConverter.UInt32BitsToSingle(bits);

    public static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value);

    public static PtxExecute? Decode(string mnemonic, PtxOperands o)
    {
        string type = mnemonic[(mnemonic.LastIndexOf('.') + 1)..];
        string[] parts = mnemonic.Split('.');
        if (binary32.TryGetValue(mnemonic, out var f))
        {
            var (d, a, b) = (o.Target(0, type), o.Source(1, type), o.Source(2, type));
            o.Expect(3);
            return mnemonic switch
            {
                "add.s32" => PtxLanes.ZipVectors<int>(d, a, b, f, product: false),
                "add.f32" => PtxLanes.ZipVectors<float>(d, a, b, f, product: false),
                "mul.f32" => PtxLanes.ZipVectors<float>(d, a, b, f, product: true),
                _ => PtxLanes.Zip32(d, a, b, f),
            };
        }
        if (unary32.TryGetValue(mnemonic, out var one))
        {
            o.Expect(2);
            return PtxLanes.Map32(o.Target(0, type), o.Source(1, type), one);
        }
        if (binary64.TryGetValue(mnemonic, out var wide))
        {
            o.Expect(3);
            return PtxLanes.Zip64(o.Target(0, type), o.Source(1, type), o.Source(2, type), wide);
        }
        if (ternary.TryGetValue(mnemonic, out var three))
        {
            o.Expect(4);
            return PtxLanes.Zip(o.Target(0, type), o.Source(1, type), o.Source(2, type), o.Source(3, type), three);
        }
        if (shifts.TryGetValue(mnemonic, out var shift))
        {
            o.Expect(3);
            return PtxLanes.Zip(o.Target(0, type), o.Source(1, type), o.Source(2, "u32"), shift);
        }
        if (logic.TryGetValue(mnemonic, out var bits))
        {
            o.Expect(3);
            return PtxLanes.Bits(o.Target(0, "pred"), o.Source(1, "pred"), o.Source(2, "pred"), bits);
        }
        switch (parts)
        {
            case ["mul", "wide", "u32" or "s32"]:
                o.Expect(3);
                return PtxLanes.MultiplyWide(o.Target(0, "b64"), o.Source(1, type), o.Source(2, type), type == "s32");
            case ["selp", _]:
                o.Expect(4);
                return PtxLanes.Select(o.Target(0, type), o.Source(1, type), o.Source(2, type), o.Source(3, "pred"));
            case ["mov" or "not", "pred"]:
                o.Expect(2);
                var from = o.Source(1, "pred");
                return PtxLanes.Bits(o.Target(0, "pred"), from, from, parts[0] == "not" ? (a, _) => ~a : (a, _) => a);
            case ["mov", _]:
                o.Expect(2);
                var (to, value) = (o.Target(0, type), o.Source(1, type));
                return to.Width == PtxWidth.Bits64 ? PtxLanes.Map(to, value, a => a) : PtxLanes.Copy32(to, value);
            case ["setp", var comparison, _]:
                o.Expect(3);
                var (p, x, y) = (o.Target(0, "pred"), o.Source(1, type), o.Source(2, type));
                return PtxTypes.Width(type) == PtxWidth.Bits64
                    ? PtxLanes.Compare64(p, x, y, PtxComparisons.Of64(comparison, type))
                    : PtxLanes.Compare32(p, x, y, PtxComparisons.Of32(comparison, type));
            default:
                return null;
        }
    }

    // int.MinValue / -1 does not trap on a GPU.
    private static int Divide(int a, int b) => b == 0 ? throw ByZero() : b == -1 ? unchecked(-a) : a / b;

    // A GPU gives any value.
    private static PtxFault ByZero() => new("division by zero");
}

/// <summary>The comparisons of setp.</summary>
internal static class PtxComparisons
{
    public static Func<uint, uint, bool> Of32(string comparison, string type) => (comparison, type[0]) switch
    {
        ("eq", not 'f') => (a, b) => a == b,
        ("ne", not 'f') => (a, b) => a != b,
        ("lt", 's') => (a, b) => (int)a < (int)b,
        ("le", 's') => (a, b) => (int)a <= (int)b,
        ("gt", 's') => (a, b) => (int)a > (int)b,
        ("ge", 's') => (a, b) => (int)a >= (int)b,
        ("lo" or "lt", 'u') => (a, b) => a < b,
        ("ls" or "le", 'u') => (a, b) => a <= b,
        ("hi" or "gt", 'u') => (a, b) => a > b,
        ("hs" or "ge", 'u') => (a, b) => a >= b,
        ("eq", 'f') => (a, b) => F(a) == F(b),
        ("ne", 'f') => (a, b) => F(a) < F(b) || F(a) > F(b),
        ("lt", 'f') => (a, b) => F(a) < F(b),
        ("le", 'f') => (a, b) => F(a) <= F(b),
        ("gt", 'f') => (a, b) => F(a) > F(b),
        ("ge", 'f') => (a, b) => F(a) >= F(b),
        // True also where one is no number.
        ("equ", 'f') => (a, b) => !(F(a) < F(b) || F(a) > F(b)),
        ("neu", 'f') => (a, b) => F(a) != F(b),
        ("ltu", 'f') => (a, b) => !(F(a) >= F(b)),
        ("leu", 'f') => (a, b) => !(F(a) > F(b)),
        ("gtu", 'f') => (a, b) => !(F(a) <= F(b)),
        ("geu", 'f') => (a, b) => !(F(a) < F(b)),
        ("num", 'f') => (a, b) => !float.IsNaN(F(a)) && !float.IsNaN(F(b)),
        ("nan", 'f') => (a, b) => float.IsNaN(F(a)) || float.IsNaN(F(b)),
        _ => throw new FormatException($"unknown comparison .{comparison}.{type}"),
    };

    public static Func<ulong, ulong, bool> Of64(string comparison, string type) => (comparison, type[0]) switch
    {
        ("eq", not 'f') => (a, b) => a == b,
        ("ne", not 'f') => (a, b) => a != b,
        ("lt", 's') => (a, b) => (long)a < (long)b,
        ("le", 's') => (a, b) => (long)a <= (long)b,
        ("gt", 's') => (a, b) => (long)a > (long)b,
        ("ge", 's') => (a, b) => (long)a >= (long)b,
        ("lo" or "lt", 'u') => (a, b) => a < b,
        ("ls" or "le", 'u') => (a, b) => a <= b,
        ("hi" or "gt", 'u') => (a, b) => a > b,
        ("hs" or "ge", 'u') => (a, b) => a >= b,
        _ => throw new FormatException($"unknown comparison .{comparison}.{type}"),
    };

    private static float F(uint bits) => BitConverter.UInt32BitsToSingle(bits);
}
