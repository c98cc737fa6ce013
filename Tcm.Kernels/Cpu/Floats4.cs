using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Tcm.Kernels.Cpu;

/// <summary>128-bit vectors, on any processor.</summary>
internal unsafe struct Floats4(Vector128<float> value) : IFloatVector<Floats4>
{
    private const int ExponentBias = 127;
    private const int MagicBits = 0x4B400000;
    private const int RootHalfBits = 0x3F3504F3;
    private const int HalfBits = unchecked((int)0x8FFFE000);
    private const float HalfRescale = 5.192296858534828e33f;

    public Vector128<float> Value = value;

    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 Create(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 Load(float* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 LoadHalves(ushort* source)
    {
        // The sign is spread over the exponent's upper bits, which are cleared; then the bias is put right, by a product.
        var bits = Vector128.WidenLower(Vector64.Load((short*)source).ToVector128Unsafe()) << 13;
        return new((bits & Vector128.Create(HalfBits)).AsSingle() * Vector128.Create(HalfRescale));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 operator +(Floats4 a, Floats4 b) => new(a.Value + b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 operator -(Floats4 a, Floats4 b) => new(a.Value - b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 operator *(Floats4 a, Floats4 b) => new(a.Value * b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 operator /(Floats4 a, Floats4 b) => new(a.Value / b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 MultiplyAdd(Floats4 a, Floats4 b, Floats4 c) =>
        new(Vector128.MultiplyAddEstimate(a.Value, b.Value, c.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProduct(ref Floats4 sum, Floats4 a, Floats4 b) =>
        sum.Value = Vector128.MultiplyAddEstimate(a.Value, b.Value, sum.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 Max(Floats4 a, Floats4 b) => new(Vector128.MaxNative(a.Value, b.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 Min(Floats4 a, Floats4 b) => new(Vector128.MinNative(a.Value, b.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 Abs(Floats4 a) => new(Vector128.Abs(a.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 Sqrt(Floats4 a) => new(Vector128.Sqrt(a.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Floats4 Mantissa, Floats4 Exponent) Split(Floats4 x)
    {
        var bits = x.Value.AsInt32();
        var exponent = (bits - Vector128.Create(RootHalfBits)) >> 23;
        return (new((bits - (exponent << 23)).AsSingle()), new(Vector128.ConvertToSingle(exponent)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 CopySign(Floats4 magnitude, Floats4 sign) => new(Vector128.CopySign(magnitude.Value, sign.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 SelectGreater(Floats4 a, Floats4 b, Floats4 yes, Floats4 no) =>
        new(Vector128.ConditionalSelect(Vector128.GreaterThan(a.Value, b.Value), yes.Value, no.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 ScaleByPowerOfTwo(Floats4 x, Floats4 biasedN)
    {
        // In two steps, so that results below the smallest normal number and above the largest come out right.
        var n = biasedN.Value.AsInt32() - Vector128.Create(MagicBits);
        var half = n >> 1;
        var first = (half + Vector128.Create(ExponentBias)) << 23;
        var second = (n - half + Vector128.Create(ExponentBias)) << 23;
        return new(x.Value * first.AsSingle() * second.AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 ScaleNormal(Floats4 x, Floats4 biasedN) => new((x.Value.AsInt32() + (biasedN.Value.AsInt32() << 23)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats4 PairSums(Floats4 a, Floats4 b)
    {
        if (Sse.IsSupported)
        {
            return new(Sse.Shuffle(a.Value, b.Value, 0x88) + Sse.Shuffle(a.Value, b.Value, 0xDD));
        }
        if (AdvSimd.Arm64.IsSupported)
        {
            return new(AdvSimd.Arm64.AddPairwise(a.Value, b.Value));
        }
        return new(Vector128.Create(a.Value[0] + a.Value[1], a.Value[2] + a.Value[3], b.Value[0] + b.Value[1],
            b.Value[2] + b.Value[3]));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Floats4 Low, Floats4 High) Duplicate(Floats4 a) =>
        (new(Vector128.Shuffle(a.Value, Vector128.Create(0, 0, 1, 1))),
            new(Vector128.Shuffle(a.Value, Vector128.Create(2, 2, 3, 3))));

    /// <summary>y[c*yStride + r] = x[r*xStride + c] for r and c below 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(float* x, nint xStride, float* y, nint yStride)
    {
        Vector128<float> a = Vector128.Load(x), b = Vector128.Load(x + xStride);
        Vector128<float> c = Vector128.Load(x + 2 * xStride), d = Vector128.Load(x + 3 * xStride);
        // Pairs (a0 b0 a1 b1), (a2 b2 a3 b3), and the same of c and d.
        var ab = Interleave(a, b);
        var cd = Interleave(c, d);
        Vector128.Create(ab.Low.GetLower(), cd.Low.GetLower()).Store(y);
        Vector128.Create(ab.Low.GetUpper(), cd.Low.GetUpper()).Store(y + yStride);
        Vector128.Create(ab.High.GetLower(), cd.High.GetLower()).Store(y + 2 * yStride);
        Vector128.Create(ab.High.GetUpper(), cd.High.GetUpper()).Store(y + 3 * yStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Floats4 Low, Floats4 High) Interleave(Floats4 a, Floats4 b)
    {
        var (low, high) = Interleave(a.Value, b.Value);
        return (new(low), new(high));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<float> Low, Vector128<float> High) Interleave(Vector128<float> a, Vector128<float> b)
    {
        if (Sse.IsSupported)
        {
            return (Sse.UnpackLow(a, b), Sse.UnpackHigh(a, b));
        }
        if (AdvSimd.Arm64.IsSupported)
        {
            return (AdvSimd.Arm64.ZipLow(a, b), AdvSimd.Arm64.ZipHigh(a, b));
        }
        return (Vector128.Create(a[0], b[0], a[1], b[1]), Vector128.Create(a[2], b[2], a[3], b[3]));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Floats4 a) => Vector128.Sum(a.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Floats4 a) =>
        MathF.Max(MathF.Max(a.Value[0], a.Value[1]), MathF.Max(a.Value[2], a.Value[3]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(float* target) => Value.Store(target);

    public readonly void StorePart(float* target, nint count)
    {
        float* lanes = stackalloc float[4];
        Value.Store(lanes);
        for (nint i = 0; i < count; i++)
        {
            target[i] = lanes[i];
        }
    }
}
