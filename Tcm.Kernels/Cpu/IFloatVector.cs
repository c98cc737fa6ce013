namespace Tcm.Kernels.Cpu;

/// <summary>
/// A hardware vector of floats. Kernels are generic over it, so that one source serves <see cref="Floats4"/>,
/// <see cref="Floats8"/> and <see cref="Floats16"/>; the JIT compiles each to plain vector instructions.
/// </summary>
internal unsafe interface IFloatVector<T> where T : struct, IFloatVector<T>
{
    /// <summary>Lanes.</summary>
    static abstract int Count { get; }

    static abstract T Create(float value);

    static abstract T Load(float* source);

    /// <summary>Finite numbers of half precision, widened. In integers: .NET has no instruction for it.</summary>
    static abstract T LoadHalves(ushort* source);

    static abstract T operator +(T a, T b);

    static abstract T operator -(T a, T b);

    static abstract T operator *(T a, T b);

    static abstract T operator /(T a, T b);

    /// <summary>a * b + c, fused where the processor can.</summary>
    static abstract T MultiplyAdd(T a, T b, T c);

    /// <summary>sum += a * b. With <see cref="MultiplyAdd"/> the JIT may put the result over a or b and move it back: a third more
    /// instructions in a loop of products, which counts where another thread shares the core.</summary>
    static abstract void AddProduct(ref T sum, T a, T b);

    /// <summary>a > b ? a : b; the result is b where either is NaN (x64) or NaN (Arm64).</summary>
    static abstract T Max(T a, T b);

    /// <summary>a &lt; b ? a : b, with the same treatment of NaN as <see cref="Max"/>.</summary>
    static abstract T Min(T a, T b);

    static abstract T Abs(T a);

    static abstract T Sqrt(T a);

    /// <summary>x = mantissa * 2^exponent with sqrt(1/2) &lt;= mantissa &lt; sqrt(2), for positive normal numbers.</summary>
    static abstract (T Mantissa, T Exponent) Split(T x);

    /// <summary>The value of <paramref name="magnitude"/> with the sign of <paramref name="sign"/>.</summary>
    static abstract T CopySign(T magnitude, T sign);

    /// <summary>a > b ? yes : no, lane by lane.</summary>
    static abstract T SelectGreater(T a, T b, T yes, T no);

    /// <summary>x * 2^n for integers -252 &lt;= n &lt;= 254, given as 2^23 * 1.5 + n (see <see cref="VectorMath"/>).</summary>
    static abstract T ScaleByPowerOfTwo(T x, T biasedN);

    /// <summary>As <see cref="ScaleByPowerOfTwo"/>, where x and the result are normal numbers: the exponents are added.</summary>
    static abstract T ScaleNormal(T x, T biasedN);

    /// <summary>(a0+a1, a2+a3, ..., b0+b1, ...)</summary>
    static abstract T PairSums(T a, T b);

    /// <summary>(a0, a0, a1, a1, ...) in two vectors.</summary>
    static abstract (T Low, T High) Duplicate(T a);

    /// <summary>(a0, b0, a1, b1, ...) in two vectors.</summary>
    static abstract (T Low, T High) Interleave(T a, T b);

    static abstract float Sum(T a);

    static abstract float Largest(T a);

    void Store(float* target);

    /// <summary>Stores the first <paramref name="count"/> lanes.</summary>
    void StorePart(float* target, nint count);
}
