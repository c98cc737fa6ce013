using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Convolution;

/// <summary>What each pixel of x gave to dy (K,P,Q): rows (k,r,s), columns the pixels (h,w).</summary>
internal struct OutputPatchOperand : IGemmOperand, ITensorOperand
{
    public ArrayView<float> Dy;

    /// <summary>As in <see cref="TurnedFilterOperand"/>.</summary>
    public ArrayView<int> Taps;

    /// <summary>Floats of one group's channels of one image; batch = image * groups + group.</summary>
    public int BatchLength;

    public int P, Q, W, Pixels, Stride, Padding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Start(int batch, int column, int thread)
    {
        int pixel = column + thread % 64;
        return new Cursor
        {
            Offset = batch * BatchLength,
            // A row above every filter stands for a column outside the matrix.
            H = pixel < Pixels ? pixel / W + Padding : -0x10000000,
            W = pixel % W + Padding,
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Fetch(Cursor cursor, int k0, int thread)
    {
        int k = k0 + thread / 64;
        return new Float4(Gather(cursor, Taps[k]), Gather(cursor, Taps[k + 4]), Gather(cursor, Taps[k + 8]),
            Gather(cursor, Taps[k + 12]));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(ArrayView<Float4> slab, int thread, Float4 value) => Im2colOperand.Put(slab, thread, value);

    public static bool AlongK => false;

    public static bool Packed => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Row(int batch, int row) => Start(batch, row, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Four(Cursor cursor, int k) =>
        new(Gather(cursor, Taps[k]), Gather(cursor, Taps[k + 1]), Gather(cursor, Taps[k + 2]), Gather(cursor, Taps[k + 3]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Copy<TCore>(TensorGroup group, int to, Cursor cursor, int chunk) where TCore : struct, ITensorCore { }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly float Gather(Cursor cursor, int tap)
    {
        int h = cursor.H - (tap >> 5 & 31), w = cursor.W - (tap & 31);
        float value = 0;
        if (tap >= 0 && h >= 0 && w >= 0)
        {
            int p = h / Stride, q = w / Stride;
            if (p * Stride == h && q * Stride == w && p < P && q < Q)
            {
                value = Dy[cursor.Offset + ((tap >> 10) * P + p) * Q + q];
            }
        }
        return value;
    }
}

/// <summary>
/// Images (N, Groups, Columns, Pixels) with the pixels of all images as rows, cut into splits of a multiple of 16; columns
/// are a group's channels, batch = split * groups + group.
/// </summary>
internal struct PixelOperand : IGemmOperand, ITensorOperand
{
    public ArrayView<float> Values;

    /// <summary>Pixels of an image, of all images and of a split.</summary>
    public int Pixels, Total, Split;

    public int Columns, Groups;

    /// <summary>1 when every channel starts on 16 bytes and Pixels is a multiple of 4.</summary>
    public int Vector;

    /// <summary>The cursor's H and W are the thread's first pixel and the end of the split.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Start(int batch, int column, int thread)
    {
        int mine = column + thread / 4, first = batch / Groups * Split;
        return new Cursor
        {
            Offset = (batch % Groups * Columns + mine) * Pixels,
            Left = Columns - mine,
            H = first + thread % 4 * 4,
            W = first + Split < Total ? first + Split : Total,
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Fetch(Cursor cursor, int k0, int thread)
    {
        int pixel = cursor.H + k0, left = cursor.W - pixel;
        var value = default(Float4);
        if (left > 0 && cursor.Left > 0)
        {
            if (Vector != 0)
            {
                value = TileRow.Load(Values, Locate(cursor, pixel), left, 1);
            }
            else
            {
                value.X = Values[Locate(cursor, pixel)];
                value.Y = left > 1 ? Values[Locate(cursor, pixel + 1)] : 0;
                value.Z = left > 2 ? Values[Locate(cursor, pixel + 2)] : 0;
                value.W = left > 3 ? Values[Locate(cursor, pixel + 3)] : 0;
            }
        }
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(ArrayView<Float4> slab, int thread, Float4 value) => ColumnsOperand.Put(slab, thread, value);

    public static bool AlongK => true;

    public static bool Packed => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Row(int batch, int row)
    {
        int first = batch / Groups * Split;
        return new Cursor
        {
            Offset = (batch % Groups * Columns + row) * Pixels,
            Left = Columns - row,
            H = first,
            W = first + Split < Total ? first + Split : Total,
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Four(Cursor cursor, int k) => Fetch(cursor, k, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Copy<TCore>(TensorGroup group, int to, Cursor cursor, int chunk) where TCore : struct, ITensorCore { }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly int Locate(Cursor cursor, int pixel)
    {
        int image = pixel / Pixels;
        return cursor.Offset + image * (Groups * Columns - 1) * Pixels + pixel;
    }
}

/// <summary>
/// The patches of all images with the pixels (n,p,q) as rows, cut into splits, and (c,r,s) as columns. Thread = column / 4 *
/// 16 + row, so that neighbours read neighbouring pixels.
/// </summary>
internal struct PatchPixelOperand : IGemmOperand, ITensorOperand
{
    public ArrayView<float> X;

    /// <summary>For each column c &lt;&lt; 10 | r &lt;&lt; 5 | s; -1 in the padding of <see cref="FilterTaps"/>.</summary>
    public ArrayView<int> Taps;

    /// <summary>As in <see cref="PixelOperand"/>.</summary>
    public int Pixels, Total, Split, Groups;

    /// <summary>Floats of one group's channels of one image.</summary>
    public int GroupLength;

    public int H, W, Q, Stride, Padding;

    /// <summary>The cursor's Left is the thread's first column, H and W its first pixel and the end of the split.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Start(int batch, int column, int thread)
    {
        int first = batch / Groups * Split;
        return new Cursor
        {
            Offset = batch % Groups * GroupLength,
            Left = column + thread / 16 * 4,
            H = first + thread % 16,
            W = first + Split < Total ? first + Split : Total,
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Fetch(Cursor cursor, int k0, int thread)
    {
        int pixel = cursor.H + k0;
        var value = default(Float4);
        if (pixel < cursor.W)
        {
            int image = pixel / Pixels, rest = pixel - image * Pixels, p = rest / Q;
            int h = p * Stride - Padding, w = (rest - p * Q) * Stride - Padding;
            int offset = cursor.Offset + image * Groups * GroupLength;
            value = new Float4(Gather(offset, h, w, Taps[cursor.Left]), Gather(offset, h, w, Taps[cursor.Left + 1]),
                Gather(offset, h, w, Taps[cursor.Left + 2]), Gather(offset, h, w, Taps[cursor.Left + 3]));
        }
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(ArrayView<Float4> slab, int thread, Float4 value) =>
        slab[thread % 16 * Slab.Stride4 + thread / 16] = value;

    public static bool AlongK => true;

    public static bool Packed => false;

    /// <summary>As <see cref="Start"/> for one column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Row(int batch, int row)
    {
        int first = batch / Groups * Split;
        return new Cursor
        {
            Offset = batch % Groups * GroupLength,
            Left = row,
            H = first,
            W = first + Split < Total ? first + Split : Total,
        };
    }

    /// <summary>Four pixels of one column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Four(Cursor cursor, int k)
    {
        int pixel = cursor.H + k, tap = Taps[cursor.Left];
        return new Float4(Pixel(cursor, pixel, tap), Pixel(cursor, pixel + 1, tap), Pixel(cursor, pixel + 2, tap),
            Pixel(cursor, pixel + 3, tap));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Copy<TCore>(TensorGroup group, int to, Cursor cursor, int chunk) where TCore : struct, ITensorCore { }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly float Pixel(Cursor cursor, int pixel, int tap)
    {
        float value = 0;
        if (pixel < cursor.W)
        {
            int image = pixel / Pixels, rest = pixel - image * Pixels, p = rest / Q;
            int h = p * Stride - Padding, w = (rest - p * Q) * Stride - Padding;
            value = Gather(cursor.Offset + image * Groups * GroupLength, h, w, tap);
        }
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly float Gather(int offset, int h, int w, int tap)
    {
        h += tap >> 5 & 31;
        w += tap & 31;
        float value = 0;
        if (tap >= 0 && (uint)h < (uint)H && (uint)w < (uint)W)
        {
            value = X[offset + ((tap >> 10) * H + h) * W + w];
        }
        return value;
    }
}
