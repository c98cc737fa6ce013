using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Elementwise;

/// <summary>A function of one value.</summary>
internal interface IMap
{
    T Apply<T>(T x) where T : struct, IFloatVector<T>;
}

/// <summary>A function of two values.</summary>
internal interface IBinaryMap
{
    T Apply<T>(T a, T b) where T : struct, IFloatVector<T>;
}

internal readonly struct Relu : IMap
{
    // The order makes x64's max return x, and so NaN, for NaN.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x) where T : struct, IFloatVector<T> => T.Max(T.Create(0f), x);
}

internal readonly struct QuickGelu : IMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x) where T : struct, IFloatVector<T> => VectorMath.QuickGelu(x);
}

internal readonly struct Gelu : IMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x) where T : struct, IFloatVector<T> => VectorMath.Gelu(x);
}

internal readonly struct Sigmoid : IMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x) where T : struct, IFloatVector<T> => VectorMath.Sigmoid(x);
}

/// <summary>scale * x + offset</summary>
internal readonly struct Affine(float scale, float offset) : IMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x) where T : struct, IFloatVector<T> => T.MultiplyAdd(T.Create(scale), x, T.Create(offset));
}

internal readonly struct Add : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T a, T b) where T : struct, IFloatVector<T> => a + b;
}

internal readonly struct Subtract : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T a, T b) where T : struct, IFloatVector<T> => a - b;
}

internal readonly struct Multiply : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T a, T b) where T : struct, IFloatVector<T> => a * b;
}

/// <summary>a + scale * b</summary>
internal readonly struct AddScaled(float scale) : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T a, T b) where T : struct, IFloatVector<T> => T.MultiplyAdd(T.Create(scale), b, a);
}
