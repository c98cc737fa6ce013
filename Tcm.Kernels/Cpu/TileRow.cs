using System.Runtime.CompilerServices;

namespace Tcm.Kernels.Cpu;

/// <summary>Three vectors side by side: a row of a register tile.</summary>
internal unsafe struct TileRow<T> where T : struct, IFloatVector<T>
{
    public T X, Y, Z;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TileRow<T> Load(float* source) => new()
    {
        X = T.Load(source),
        Y = T.Load(source + T.Count),
        Z = T.Load(source + (2 * T.Count)),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TileRow<T> Create(float value)
    {
        T all = T.Create(value);
        return new() { X = all, Y = all, Z = all };
    }

    /// <summary>this += factor * row</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddProduct(float factor, in TileRow<T> row)
    {
        T all = T.Create(factor);
        T.AddProduct(ref X, all, row.X);
        T.AddProduct(ref Y, all, row.Y);
        T.AddProduct(ref Z, all, row.Z);
    }

    /// <summary>this += values</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(float* values)
    {
        X += T.Load(values);
        Y += T.Load(values + T.Count);
        Z += T.Load(values + (2 * T.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Relu()
    {
        T zero = default;
        (X, Y, Z) = (T.Max(X, zero), T.Max(Y, zero), T.Max(Z, zero));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(float* target)
    {
        X.Store(target);
        Y.Store(target + T.Count);
        Z.Store(target + (2 * T.Count));
    }
}
