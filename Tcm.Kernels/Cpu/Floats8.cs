using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tcm.Kernels.Cpu;

/// <summary>256-bit vectors.</summary>
internal unsafe struct Floats8(Vector256<float> value) : IFloatVector<Floats8>
{
    private const int ExponentBias = 127;
    private const int MagicBits = 0x4B400000;
    private const int RootHalfBits = 0x3F3504F3;
    private const int HalfBits = unchecked((int)0x8FFFE000);
    private const float HalfRescale = 5.192296858534828e33f;

    public Vector256<float> Value = value;

    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 Create(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 LoadHalves(ushort* source)
    {
        // The sign is spread over the exponent's upper bits, which are cleared; then the bias is put right, by a product.
        var bits = Vector256.WidenLower(Vector128.Load((short*)source).ToVector256Unsafe()) << 13;
        return new((bits & Vector256.Create(HalfBits)).AsSingle() * Vector256.Create(HalfRescale));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 operator +(Floats8 a, Floats8 b) => new(a.Value + b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 operator -(Floats8 a, Floats8 b) => new(a.Value - b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 operator *(Floats8 a, Floats8 b) => new(a.Value * b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 operator /(Floats8 a, Floats8 b) => new(a.Value / b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 MultiplyAdd(Floats8 a, Floats8 b, Floats8 c) =>
        new(Vector256.MultiplyAddEstimate(a.Value, b.Value, c.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProduct(ref Floats8 sum, Floats8 a, Floats8 b) =>
        sum.Value = Vector256.MultiplyAddEstimate(a.Value, b.Value, sum.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 Max(Floats8 a, Floats8 b) => new(Vector256.MaxNative(a.Value, b.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 Min(Floats8 a, Floats8 b) => new(Vector256.MinNative(a.Value, b.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 Abs(Floats8 a) => new(Vector256.Abs(a.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 Sqrt(Floats8 a) => new(Vector256.Sqrt(a.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Floats8 Mantissa, Floats8 Exponent) Split(Floats8 x)
    {
        var bits = x.Value.AsInt32();
        var exponent = (bits - Vector256.Create(RootHalfBits)) >> 23;
        return (new((bits - (exponent << 23)).AsSingle()), new(Vector256.ConvertToSingle(exponent)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 CopySign(Floats8 magnitude, Floats8 sign) => new(Vector256.CopySign(magnitude.Value, sign.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 SelectGreater(Floats8 a, Floats8 b, Floats8 yes, Floats8 no) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(a.Value, b.Value), yes.Value, no.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 ScaleByPowerOfTwo(Floats8 x, Floats8 biasedN)
    {
        // In two steps, so that results below the smallest normal number and above the largest come out right.
        var n = biasedN.Value.AsInt32() - Vector256.Create(MagicBits);
        var half = n >> 1;
        var first = (half + Vector256.Create(ExponentBias)) << 23;
        var second = (n - half + Vector256.Create(ExponentBias)) << 23;
        return new(x.Value * first.AsSingle() * second.AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 ScaleNormal(Floats8 x, Floats8 biasedN) => new((x.Value.AsInt32() + (biasedN.Value.AsInt32() << 23)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats8 PairSums(Floats8 a, Floats8 b)
    {
        if (Avx2.IsSupported)
        {
            // HorizontalAdd works within 128-bit halves: (a01 a23 b01 b23 | a45 a67 b45 b67).
            var sums = Avx.HorizontalAdd(a.Value, b.Value).AsDouble();
            return new(Avx2.Permute4x64(sums, 0xD8).AsSingle());
        }
        return new(Vector256.Create(
            Floats4.PairSums(new(a.Value.GetLower()), new(a.Value.GetUpper())).Value,
            Floats4.PairSums(new(b.Value.GetLower()), new(b.Value.GetUpper())).Value));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Floats8 Low, Floats8 High) Duplicate(Floats8 a) =>
        (new(Vector256.Shuffle(a.Value, Vector256.Create(0, 0, 1, 1, 2, 2, 3, 3))),
            new(Vector256.Shuffle(a.Value, Vector256.Create(4, 4, 5, 5, 6, 6, 7, 7))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Floats8 Low, Floats8 High) Interleave(Floats8 a, Floats8 b)
    {
        if (Avx.IsSupported)
        {
            // Unpacking works within 128-bit halves: (a0 b0 a1 b1 | a4 b4 a5 b5).
            Vector256<float> low = Avx.UnpackLow(a.Value, b.Value), high = Avx.UnpackHigh(a.Value, b.Value);
            return (new(Avx.Permute2x128(low, high, 0x20)), new(Avx.Permute2x128(low, high, 0x31)));
        }
        var (l0, l1) = Floats4.Interleave(new(a.Value.GetLower()), new(b.Value.GetLower()));
        var (h0, h1) = Floats4.Interleave(new(a.Value.GetUpper()), new(b.Value.GetUpper()));
        return (new(Vector256.Create(l0.Value, l1.Value)), new(Vector256.Create(h0.Value, h1.Value)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Floats8 a) => Vector256.Sum(a.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Floats8 a) =>
        Floats4.Largest(Floats4.Max(new(a.Value.GetLower()), new(a.Value.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(float* target) => Value.Store(target);

    public readonly void StorePart(float* target, nint count)
    {
        float* lanes = stackalloc float[8];
        Value.Store(lanes);
        for (nint i = 0; i < count; i++)
        {
            target[i] = lanes[i];
        }
    }
}
