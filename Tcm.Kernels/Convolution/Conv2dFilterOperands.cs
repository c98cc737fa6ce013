using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Convolution;

/// <summary>Filters as they are stored, (Groups, Columns, K) with K = C/Groups * R * S: rows k, columns the group's filters.</summary>
internal struct FilterOperand : IGemmOperand, ITensorOperand
{
    public ArrayView<float> Values;
    public int K, Columns, Groups;

    /// <summary>1 when every filter starts on 16 bytes and K is a multiple of 4.</summary>
    public int Vector;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Start(int batch, int column, int thread)
    {
        int mine = column + thread / 4;
        return new Cursor { Offset = (batch % Groups * Columns + mine) * K + thread % 4 * 4, Left = Columns - mine };
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
    public static void Put(ArrayView<Float4> slab, int thread, Float4 value) => ColumnsOperand.Put(slab, thread, value);

    public static bool AlongK => true;

    public static bool Packed => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Row(int batch, int row) => new() { Offset = (batch % Groups * Columns + row) * K, Left = Columns - row };

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

/// <summary>Filters (Groups, K/Groups, Columns, R, S) transposed: rows (k,r,s), columns the group's input channels.</summary>
internal struct TurnedFilterOperand : IGemmOperand, ITensorOperand
{
    public ArrayView<float> Values;

    /// <summary>For each row k &lt;&lt; 10 | r &lt;&lt; 5 | s; -1 in the padding of <see cref="FilterTaps"/>.</summary>
    public ArrayView<int> Taps;

    /// <summary>Filters of a group, its input channels, R * S, S.</summary>
    public int Filters, Columns, Area, S;

    public int Groups;

    /// <summary>1 when Area is 1, Columns is a multiple of 4 and the values start on 16 bytes.</summary>
    public int Vector;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Start(int batch, int column, int thread)
    {
        int mine = column + thread % 16 * 4;
        return new Cursor { Offset = (batch % Groups * Filters * Columns + mine) * Area, Left = Columns - mine };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Fetch(Cursor cursor, int k0, int thread)
    {
        int tap = Taps[k0 + thread / 16];
        var value = default(Float4);
        if (tap >= 0 && cursor.Left > 0)
        {
            int at = cursor.Offset + (tap >> 10) * Columns * Area + (tap >> 5 & 31) * S + (tap & 31);
            if (Vector != 0)
            {
                value = TileRow.Load(Values, at, cursor.Left, 1);
            }
            else
            {
                value.X = Values[at];
                value.Y = cursor.Left > 1 ? Values[at + Area] : 0;
                value.Z = cursor.Left > 2 ? Values[at + 2 * Area] : 0;
                value.W = cursor.Left > 3 ? Values[at + 3 * Area] : 0;
            }
        }
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(ArrayView<Float4> slab, int thread, Float4 value) => Slab.PutRow(slab, thread, value);

    public static bool AlongK => false;

    public static bool Packed => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Row(int batch, int row) =>
        new() { Offset = (batch % Groups * Filters * Columns + row) * Area, Left = Columns - row };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Four(Cursor cursor, int k) =>
        new(Weight(cursor, Taps[k]), Weight(cursor, Taps[k + 1]), Weight(cursor, Taps[k + 2]), Weight(cursor, Taps[k + 3]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Copy<TCore>(TensorGroup group, int to, Cursor cursor, int chunk) where TCore : struct, ITensorCore { }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly float Weight(Cursor cursor, int tap)
    {
        float value = 0;
        if (tap >= 0 && cursor.Left > 0)
        {
            value = Values[cursor.Offset + (tap >> 10) * Columns * Area + (tap >> 5 & 31) * S + (tap & 31)];
        }
        return value;
    }
}
