using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ILGPU;

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

/// <summary>Four neighbours in memory, of which the last ones may lie outside.</summary>
internal static class TileRow
{
    /// <summary>Loads up to <paramref name="left"/> (1 or more) floats; 128 bits if <paramref name="vector"/> is not 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Load(ArrayView<float> source, int at, int left, int vector)
    {
        var value = default(Float4);
        if (vector != 0)
        {
            value = source.Cast<Float4>()[at / 4];
        }
        else
        {
            value.X = source[at];
            value.Y = left > 1 ? source[at + 1] : 0;
            value.Z = left > 2 ? source[at + 2] : 0;
            value.W = left > 3 ? source[at + 3] : 0;
        }
        return value;
    }

    /// <summary>Stores min(4, <paramref name="left"/>) floats; 128 bits if <paramref name="vector"/> is not 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(ArrayView<float> target, int at, int left, int vector, Float4 value)
    {
        if (vector != 0)
        {
            target.Cast<Float4>()[at / 4] = value;
        }
        else
        {
            target[at] = value.X;
            if (left > 1)
            {
                target[at + 1] = value.Y;
            }
            if (left > 2)
            {
                target[at + 2] = value.Z;
            }
            if (left > 3)
            {
                target[at + 3] = value.W;
            }
        }
    }
}
