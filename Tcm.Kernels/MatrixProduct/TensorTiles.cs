using System.Runtime.CompilerServices;
using ILGPU;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>
/// The part of a product that a group computes. A warp takes 32 columns and 32 or 64 rows. Three stages of (M + N) rows of
/// 64 bytes must fit 48 KiB and hold 64 rows of N + 8 floats for the epilogue.
/// </summary>
internal interface ITensorTile
{
    static abstract int M { get; }

    static abstract int N { get; }

    static abstract int WarpRows { get; }

    static abstract int Threads { get; }
}

/// <summary>128x128, 8 warps of 64x32: 64 sums a thread; 16 multiplications of fragments for 6 loads.</summary>
internal readonly struct Tile128x128 : ITensorTile
{
    public static int M => 128;

    public static int N => 128;

    public static int WarpRows => 64;

    public static int Threads => 256;
}

/// <summary>64x128, 8 warps of 32x32: for few output channels over many pixels.</summary>
internal readonly struct Tile64x128 : ITensorTile
{
    public static int M => 64;

    public static int N => 128;

    public static int WarpRows => 32;

    public static int Threads => 256;
}

/// <summary>64x64, 4 warps of 32x32: for results too small to fill the device otherwise.</summary>
internal readonly struct Tile64x64 : ITensorTile
{
    public static int M => 64;

    public static int N => 64;

    public static int WarpRows => 32;

    public static int Threads => 128;
}

/// <summary>Which tile serves a shape.</summary>
internal static class TensorTiles
{
    /// <summary>M and N of the tiles, the largest first; the index is that of the kernels of a family.</summary>
    public static IReadOnlyList<(int M, int N)> Sizes { get; } = [(128, 128), (64, 128), (64, 64)];

    /// <summary>Those of products in training.</summary>
    public static IReadOnlyList<(int M, int N)> Square { get; } = [(128, 128), (64, 64)];

    /// <summary>Blocks of a result.</summary>
    public static long Blocks((int M, int N) tile, int m, int n, int batch) =>
        (m + tile.M - 1L) / tile.M * ((n + tile.N - 1L) / tile.N) * batch;

    /// <summary>
    /// The largest tile whose blocks occupy every multiprocessor and that computes at most a quarter more than the smallest
    /// would; the smallest when there is none.
    /// </summary>
    public static int Choose(IReadOnlyList<(int M, int N)> sizes, int multiprocessors, int m, int n, int batch)
    {
        long Area(int tile) => Blocks(sizes[tile], m, n, batch) * sizes[tile].M * sizes[tile].N;
        int last = sizes.Count - 1;
        for (int tile = 0; tile < last; tile++)
        {
            if (Blocks(sizes[tile], m, n, batch) >= multiprocessors && Area(tile) * 4 <= Area(last) * 5)
            {
                return tile;
            }
        }
        return last;
    }
}

/// <summary>
/// A warp's 32x32 part of a product: fragments of 16x8, four floats a thread each, in named fields because ILGPU puts
/// arrays that a loop indexes into local memory. C12 holds rows 16..31, columns 16..23.
/// </summary>
internal struct Fragments32x32
{
    public Float4 C00, C01, C02, C03, C10, C11, C12, C13;

    /// <summary>this += a b over 32 bytes along k: two fragments of a, four of b in pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add<TCore>(TensorGroup group, Word4 a0, Word4 a1, Word4 b01, Word4 b23) where TCore : struct, ITensorCore
    {
        C00 = TCore.Multiply(group, C00, a0, b01.X, b01.Y);
        C01 = TCore.Multiply(group, C01, a0, b01.Z, b01.W);
        C02 = TCore.Multiply(group, C02, a0, b23.X, b23.Y);
        C03 = TCore.Multiply(group, C03, a0, b23.Z, b23.W);
        C10 = TCore.Multiply(group, C10, a1, b01.X, b01.Y);
        C11 = TCore.Multiply(group, C11, a1, b01.Z, b01.W);
        C12 = TCore.Multiply(group, C12, a1, b23.X, b23.Y);
        C13 = TCore.Multiply(group, C13, a1, b23.Z, b23.W);
    }

    /// <summary>Writes the part as a matrix; <paramref name="at"/> and <paramref name="pitch"/> count pairs of floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Put(ArrayView<Float2> target, int at, int pitch, int lane)
    {
        // Rows lane / 4 and 8 more, columns lane % 4 * 2 and the next: PTX ISA, "Matrix Fragments for mma".
        int first = at + lane / 4 * pitch + lane % 4;
        PutFragment(target, first, pitch, C00);
        PutFragment(target, first + 4, pitch, C01);
        PutFragment(target, first + 8, pitch, C02);
        PutFragment(target, first + 12, pitch, C03);
        PutFragment(target, first + 16 * pitch, pitch, C10);
        PutFragment(target, first + 16 * pitch + 4, pitch, C11);
        PutFragment(target, first + 16 * pitch + 8, pitch, C12);
        PutFragment(target, first + 16 * pitch + 12, pitch, C13);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PutFragment(ArrayView<Float2> target, int at, int pitch, Float4 c)
    {
        target[at] = new Float2(c.X, c.Y);
        target[at + 8 * pitch] = new Float2(c.Z, c.W);
    }
}
