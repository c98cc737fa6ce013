using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tcm.Kernels.Cpu;

/// <summary>512-bit vectors; the portable API keeps the code correct, and slow, where the processor has none.</summary>
internal unsafe struct Floats16(Vector512<float> value) : IFloatVector<Floats16>
{
    private const int ExponentBias = 127;
    private const int MagicBits = 0x4B400000;
    private const int RootHalfBits = 0x3F3504F3;
    private const int HalfBits = unchecked((int)0x8FFFE000);
    private const float HalfRescale = 5.192296858534828e33f;

    public Vector512<float> Value = value;

    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 Create(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 LoadHalves(ushort* source)
    {
        // The sign is spread over the exponent's upper bits, which are cleared; then the bias is put right, by a product.
        var bits = Vector512.WidenLower(Vector256.Load((short*)source).ToVector512Unsafe()) << 13;
        return new((bits & Vector512.Create(HalfBits)).AsSingle() * Vector512.Create(HalfRescale));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 operator +(Floats16 a, Floats16 b) => new(a.Value + b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 operator -(Floats16 a, Floats16 b) => new(a.Value - b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 operator *(Floats16 a, Floats16 b) => new(a.Value * b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 operator /(Floats16 a, Floats16 b) => new(a.Value / b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 MultiplyAdd(Floats16 a, Floats16 b, Floats16 c) =>
        new(Vector512.MultiplyAddEstimate(a.Value, b.Value, c.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProduct(ref Floats16 sum, Floats16 a, Floats16 b) =>
        sum.Value = Vector512.MultiplyAddEstimate(a.Value, b.Value, sum.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 Max(Floats16 a, Floats16 b) => new(Vector512.MaxNative(a.Value, b.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 Min(Floats16 a, Floats16 b) => new(Vector512.MinNative(a.Value, b.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 Abs(Floats16 a) => new(Vector512.Abs(a.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 Sqrt(Floats16 a) => new(Vector512.Sqrt(a.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Floats16 Mantissa, Floats16 Exponent) Split(Floats16 x)
    {
        var bits = x.Value.AsInt32();
        var exponent = (bits - Vector512.Create(RootHalfBits)) >> 23;
        return (new((bits - (exponent << 23)).AsSingle()), new(Vector512.ConvertToSingle(exponent)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 CopySign(Floats16 magnitude, Floats16 sign) => new(Vector512.CopySign(magnitude.Value, sign.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 SelectGreater(Floats16 a, Floats16 b, Floats16 yes, Floats16 no) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(a.Value, b.Value), yes.Value, no.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 ScaleByPowerOfTwo(Floats16 x, Floats16 biasedN)
    {
        // In two steps, so that results below the smallest normal number and above the largest come out right.
        var n = biasedN.Value.AsInt32() - Vector512.Create(MagicBits);
        var half = n >> 1;
        var first = (half + Vector512.Create(ExponentBias)) << 23;
        var second = (n - half + Vector512.Create(ExponentBias)) << 23;
        return new(x.Value * first.AsSingle() * second.AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 ScaleNormal(Floats16 x, Floats16 biasedN) => new((x.Value.AsInt32() + (biasedN.Value.AsInt32() << 23)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats16 PairSums(Floats16 a, Floats16 b) => new(Vector512.Create(
        Floats8.PairSums(new(a.Value.GetLower()), new(a.Value.GetUpper())).Value,
        Floats8.PairSums(new(b.Value.GetLower()), new(b.Value.GetUpper())).Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Floats16 Low, Floats16 High) Duplicate(Floats16 a)
    {
        var (a0, a1) = Floats8.Duplicate(new(a.Value.GetLower()));
        var (a2, a3) = Floats8.Duplicate(new(a.Value.GetUpper()));
        return (new(Vector512.Create(a0.Value, a1.Value)), new(Vector512.Create(a2.Value, a3.Value)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Floats16 Low, Floats16 High) Interleave(Floats16 a, Floats16 b)
    {
        var (l0, l1) = Floats8.Interleave(new(a.Value.GetLower()), new(b.Value.GetLower()));
        var (h0, h1) = Floats8.Interleave(new(a.Value.GetUpper()), new(b.Value.GetUpper()));
        return (new(Vector512.Create(l0.Value, l1.Value)), new(Vector512.Create(h0.Value, h1.Value)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Floats16 a) => Vector512.Sum(a.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Floats16 a) =>
        Floats8.Largest(Floats8.Max(new(a.Value.GetLower()), new(a.Value.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(float* target) => Value.Store(target);

    public readonly void StorePart(float* target, nint count)
    {
        float* lanes = stackalloc float[16];
        Value.Store(lanes);
        for (nint i = 0; i < count; i++)
        {
            target[i] = lanes[i];
        }
    }
}
