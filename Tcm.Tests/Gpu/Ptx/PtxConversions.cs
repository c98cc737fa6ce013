using static Tcm.Tests.Gpu.Ptx.PtxArithmetic;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>cvt and cvta.</summary>
internal static class PtxConversions
{
    private static readonly Dictionary<string, Func<ulong, ulong>> conversions = new()
    {
        ["cvt.s64.s32"] = a => (ulong)(int)a,
        ["cvt.u64.u32"] = a => (uint)a,
        ["cvt.s32.s64"] = a => (uint)a,
        ["cvt.u32.u64"] = a => (uint)a,
        ["cvt.u16.u32"] = a => (ushort)a,
        ["cvt.u32.u16"] = a => (ushort)a,
        // Of a wider register only the low bits count; their signs go up.
        ["cvt.s32.u8"] = a => (byte)a,
        ["cvt.s32.s8"] = a => (uint)(sbyte)a,
        ["cvt.rn.f32.s32"] = a => Bits((int)a),
        ["cvt.rn.f32.u32"] = a => Bits((uint)a),
        ["cvt.rzi.s32.f32"] = a => (uint)ToInt(MathF.Truncate(Float((uint)a))),
        ["cvt.rmi.s32.f32"] = a => (uint)ToInt(MathF.Floor(Float((uint)a))),
        ["cvt.rni.s32.f32"] = a => (uint)ToInt(MathF.Round(Float((uint)a))),
        ["cvt.f32.f16"] = a => Bits((float)BitConverter.UInt16BitsToHalf((ushort)a)),
        ["cvt.rn.f16.f32"] = a => ToHalf((uint)a),
        ["cvt.rna.tf32.f32"] = a => ToTf32((uint)a),
    };

    public static PtxExecute? Decode(string mnemonic, PtxOperands o)
    {
        if (mnemonic == "cvta.to.global.u64")
        {
            o.Expect(2);
            return PtxLanes.Map(o.Target(0, "u64"), o.Source(1, "u64"), a => a);
        }
        if (mnemonic is "cvt.rn.f16x2.f32" or "cvt.rn.bf16x2.f32")
        {
            o.Expect(3);
            // The first operand becomes the upper half.
            return PtxLanes.Zip32(o.Target(0, "b32"), o.Source(1, "f32"), o.Source(2, "f32"), mnemonic == "cvt.rn.f16x2.f32"
                ? (a, b) => ToHalf(a) << 16 | ToHalf(b) : (a, b) => ToBf16(a) << 16 | ToBf16(b));
        }
        if (!conversions.TryGetValue(mnemonic, out var f))
        {
            return null;
        }
        o.Expect(2);
        string[] types = mnemonic.Split('.')[^2..];
        return PtxLanes.Map(o.Target(0, types[0] == "tf32" ? "b32" : types[0], wider: true),
            o.Source(1, types[1] == "f16" ? "b16" : types[1], wider: true), f);
    }

    /// <summary>To the nearest, ties to even; beyond the range infinity; what is no number becomes 0x7FFF.</summary>
    public static uint ToHalf(uint bits) => float.IsNaN(Float(bits)) ? 0x7FFFu : BitConverter.HalfToUInt16Bits((Half)Float(bits));

    public static uint ToBf16(uint bits) => float.IsNaN(Float(bits)) ? 0x7FFFu : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;

    /// <summary>To the nearest of 10 bits, ties away from zero.</summary>
    public static uint ToTf32(uint bits) => float.IsNaN(Float(bits)) ? 0x7FFFFFFFu
        : float.IsInfinity(Float(bits)) ? bits : (bits + 0x1000) & ~0x1FFFu;

    // Saturates; what is no number becomes 0.
    private static int ToInt(float value) => float.IsNaN(value) ? 0
        : value >= 2147483648f ? int.MaxValue : value <= -2147483648f ? int.MinValue : (int)value;
}
