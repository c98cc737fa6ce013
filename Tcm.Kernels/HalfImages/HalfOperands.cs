using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.HalfImages;

/// <summary>Rows of a product whose chunks of eight halves lie in memory as they are multiplied; outside they are 0.</summary>
internal interface IHalfOperand
{
    /// <summary>The place of a row; it may lie outside.</summary>
    Cursor Row(int row);

    /// <summary>What all rows have in common at a chunk along k; negative beyond the last one.</summary>
    int Step(int chunk);

    /// <summary>A chunk, in registers.</summary>
    Word4 Load(Cursor cursor, int step);

    /// <summary>Starts to copy a chunk.</summary>
    void Copy<TCore>(TensorGroup group, int to, Cursor cursor, int step) where TCore : struct, ITensorCore;
}

/// <summary>Rows that follow each other: the pixels of a 1x1 convolution, or tokens.</summary>
internal struct HalfRowsOperand : IHalfOperand
{
    public ArrayView<Word4> Values;

    /// <summary>Where they begin, for cp.async.</summary>
    public long Address;

    public int Rows, Chunks;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Row(int row) => new() { Offset = row * Chunks, Left = Rows - row };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int Step(int chunk) => chunk < Chunks ? chunk : -1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Word4 Load(Cursor cursor, int step)
    {
        var value = default(Word4);
        if (Inside(cursor, step))
        {
            value = Values[cursor.Offset + step];
        }
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Copy<TCore>(TensorGroup group, int to, Cursor cursor, int step) where TCore : struct, ITensorCore
    {
        bool inside = Inside(cursor, step);
        TCore.CopyIf(group, to, Address, inside ? cursor.Offset + step : 0, inside);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Inside(Cursor cursor, int step) => step >= 0 && cursor.Left > 0;
}

/// <summary>The patches of images (N,H,W,C): a row a pixel (n,p,q) of the result, chunks (r,s,c).</summary>
internal struct HalfPatchesOperand : IHalfOperand
{
    public ArrayView<Word4> Values;
    public long Address;

    /// <summary>For each chunk c &lt;&lt; 10 | r &lt;&lt; 5 | s, -1 in the padding of the last step.</summary>
    public ArrayView<int> Taps;

    /// <summary>Pixels of all results, and of one.</summary>
    public int Rows, Pixels;

    public int H, W, Q, Stride, Padding, Chunks;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Row(int row)
    {
        int image = row / Pixels, pixel = row - image * Pixels, p = pixel / Q;
        return new Cursor
        {
            Offset = image * H * W * Chunks,
            // A row outside every image stands for one outside the matrix.
            H = row < Rows ? p * Stride - Padding : -0x10000000,
            W = (pixel - p * Q) * Stride - Padding,
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int Step(int chunk) => Taps[chunk];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Word4 Load(Cursor cursor, int step)
    {
        int h = cursor.H + (step >> 5 & 31), w = cursor.W + (step & 31);
        var value = default(Word4);
        if (step >= 0 && (uint)h < (uint)H && (uint)w < (uint)W)
        {
            value = Values[cursor.Offset + (h * W + w) * Chunks + (step >> 10)];
        }
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Copy<TCore>(TensorGroup group, int to, Cursor cursor, int step) where TCore : struct, ITensorCore
    {
        int h = cursor.H + (step >> 5 & 31), w = cursor.W + (step & 31);
        bool inside = step >= 0 && (uint)h < (uint)H && (uint)w < (uint)W;
        TCore.CopyIf(group, to, Address, inside ? cursor.Offset + (h * W + w) * Chunks + (step >> 10) : 0, inside);
    }
}
