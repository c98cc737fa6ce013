using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>Two floats that a kernel moves at once.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Float2(float x, float y)
{
    public float X = x, Y = y;
}

/// <summary>Four floats that a kernel moves at once (128-bit loads and stores).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Float4(float x, float y, float z, float w)
{
    public float X = x, Y = y, Z = z, W = w;
}

/// <summary>
/// A thread's 4x4 part of a product, in registers: named fields, because ILGPU puts arrays that a loop indexes into local
/// memory.
/// </summary>
internal struct Tile4x4
{
    public Float4 Row0, Row1, Row2, Row3;

    /// <summary>this += a b^T: 16 multiply-adds for 8 loaded floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(Float4 a, Float4 b)
    {
        Row0 = Fma(a.X, b, Row0);
        Row1 = Fma(a.Y, b, Row1);
        Row2 = Fma(a.Z, b, Row2);
        Row3 = Fma(a.W, b, Row3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Fma(float a, Float4 b, Float4 c) =>
        new(a * b.X + c.X, a * b.Y + c.Y, a * b.Z + c.Z, a * b.W + c.W);
}
