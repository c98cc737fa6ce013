using System.Runtime.CompilerServices;
using ILGPU;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>What a thread remembers of its place in an operand during the loop over k.</summary>
internal struct Cursor
{
    /// <summary>Index of the thread's first value.</summary>
    public int Offset;

    /// <summary>Columns (or other bound) left from the thread's first column on; 0 or less: outside.</summary>
    public int Left;

    /// <summary>Image row and column of the filter's corner (im2col only).</summary>
    public int H, W;
}

/// <summary>
/// One factor of a tiled product, seen as a matrix of K rows and M (or N) columns. 256 threads fetch a slab of 16 rows x
/// 64 columns, four values each, into registers, and later put them into shared memory at [row * <see cref="Slab.Stride"/>
/// + column]. Values outside the matrix are 0.
/// </summary>
internal interface IGemmOperand
{
    /// <summary>The cursor for the slab that begins at <paramref name="column"/>.</summary>
    Cursor Start(int batch, int column, int thread);

    /// <summary>The thread's four values of rows k0..k0+15.</summary>
    Float4 Fetch(Cursor cursor, int k0, int thread);

    /// <summary>Stores them into the slab.</summary>
    static abstract void Put(ArrayView<Float4> slab, int thread, Float4 value);
}

/// <summary>The geometry of slabs in shared memory.</summary>
internal static class Slab
{
    /// <summary>Rows: the depth of one step of the loop over k.</summary>
    public const int K = 16;

    /// <summary>Columns.</summary>
    public const int Width = 64;

    /// <summary>Float4 between rows; one more than needed, so that transposing stores meet fewer bank conflicts.</summary>
    public const int Stride4 = Width / 4 + 1;

    /// <summary>Floats between rows.</summary>
    public const int Stride = 4 * Stride4;

    /// <summary>Float4 of one slab.</summary>
    public const int Length4 = K * Stride4;

    /// <summary>Stores four neighbours of one row: thread = row * 16 + column / 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PutRow(ArrayView<Float4> slab, int thread, Float4 value) =>
        slab[thread / 16 * Stride4 + thread % 16] = value;
}

/// <summary>
/// Weights packed on the host: (batch modulo <see cref="Groups"/>, K padded to 16, columns padded to 64), zeros in the
/// padding, so that fetching needs no bounds.
/// </summary>
internal struct PackedOperand : IGemmOperand
{
    public ArrayView<Float4> Values;

    /// <summary>Float4 of a padded row, and of one group's matrix.</summary>
    public int RowLength, GroupLength;

    public int Groups;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Start(int batch, int column, int thread) => new()
    {
        Offset = batch % Groups * GroupLength + thread / 16 * RowLength + column / 4 + thread % 16,
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Fetch(Cursor cursor, int k0, int thread) => Values[cursor.Offset + k0 * RowLength];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(ArrayView<Float4> slab, int thread, Float4 value) => Slab.PutRow(slab, thread, value);
}

/// <summary>
/// A row-major (K, Columns) matrix per batch: the images of a 1x1 convolution (channels x pixels), b of a product, a when
/// it is stored transposed.
/// </summary>
internal struct RowsOperand : IGemmOperand, ITensorOperand
{
    public ArrayView<float> Values;
    public int K, Columns, RowLength, BatchLength;

    /// <summary>1 when every row starts on 16 bytes and Columns is a multiple of 4.</summary>
    public int Vector;

    public static bool AlongK => false;

    public static bool Packed => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Start(int batch, int column, int thread)
    {
        int mine = column + thread % 16 * 4;
        return new Cursor { Offset = batch * BatchLength + mine, Left = Columns - mine };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Fetch(Cursor cursor, int k0, int thread)
    {
        int k = k0 + thread / 16;
        var value = default(Float4);
        if (k < K && cursor.Left > 0)
        {
            value = TileRow.Load(Values, cursor.Offset + k * RowLength, cursor.Left, Vector);
        }
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(ArrayView<Float4> slab, int thread, Float4 value) => Slab.PutRow(slab, thread, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Row(int batch, int row) => new() { Offset = batch * BatchLength + row, Left = Columns - row };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Four(Cursor cursor, int k)
    {
        var value = default(Float4);
        int at = cursor.Offset + k * RowLength;
        if (cursor.Left > 0 && k < K)
        {
            value.X = Values[at];
            value.Y = k + 1 < K ? Values[at + RowLength] : 0;
            value.Z = k + 2 < K ? Values[at + 2 * RowLength] : 0;
            value.W = k + 3 < K ? Values[at + 3 * RowLength] : 0;
        }
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Copy<TCore>(TensorGroup group, int to, Cursor cursor, int chunk) where TCore : struct, ITensorCore { }
}

/// <summary>
/// A row-major (Columns, K) matrix per batch, transposed on the way into shared memory: the rows of a linear layer's input,
/// a of a product, b when it is stored transposed.
/// </summary>
internal struct ColumnsOperand : IGemmOperand, ITensorOperand
{
    public ArrayView<float> Values;
    public int K, Columns, ColumnLength, BatchLength;

    /// <summary>1 when every column starts on 16 bytes and K is a multiple of 4.</summary>
    public int Vector;

    public static bool AlongK => true;

    public static bool Packed => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Start(int batch, int column, int thread)
    {
        int mine = column + thread / 4;
        return new Cursor { Offset = batch * BatchLength + mine * ColumnLength + thread % 4 * 4, Left = Columns - mine };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Fetch(Cursor cursor, int k0, int thread)
    {
        int left = K - k0 - thread % 4 * 4;
        var value = default(Float4);
        if (left > 0 && cursor.Left > 0)
        {
            value = TileRow.Load(Values, cursor.Offset + k0, left, Vector);
        }
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(ArrayView<Float4> slab, int thread, Float4 value)
    {
        var floats = slab.Cast<float>();
        int at = thread % 4 * 4 * Slab.Stride + thread / 4;
        floats[at] = value.X;
        floats[at + Slab.Stride] = value.Y;
        floats[at + 2 * Slab.Stride] = value.Z;
        floats[at + 3 * Slab.Stride] = value.W;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Row(int batch, int row) =>
        new() { Offset = batch * BatchLength + row * ColumnLength, Left = Columns - row };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Four(Cursor cursor, int k)
    {
        var value = default(Float4);
        if (cursor.Left > 0 && k < K)
        {
            value = TileRow.Load(Values, cursor.Offset + k, K - k, Vector);
        }
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Copy<TCore>(TensorGroup group, int to, Cursor cursor, int chunk) where TCore : struct, ITensorCore { }
}
