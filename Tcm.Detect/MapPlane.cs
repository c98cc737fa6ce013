using System.Numerics;
using Tcm.Detect.Preprocessing;

namespace Tcm.Detect;

/// <summary>
/// A plane of numbers that the network computed over a picture, row by row. Immutable; safe to share between threads.
/// </summary>
/// <remarks>
/// A value stands for a square of <see cref="Stride"/> x <see cref="Stride"/> pixels of the network's input. The input is the picture
/// after the resize, padded on the right and below, so that the last columns and rows may show nothing of the picture.
/// </remarks>
public sealed class MapPlane
{
    private readonly ReadOnlyMemory<float> _values;
    private readonly NetworkSize _size;

    internal MapPlane(ReadOnlyMemory<float> values, NetworkSize size, int stride)
    {
        _values = values;
        _size = size;
        Stride = stride;
        System.Diagnostics.Debug.Assert(values.Length == Width * Height);
    }

    /// <summary>Columns, padding included.</summary>
    public int Width => _size.PaddedWidth / Stride;

    /// <summary>Rows, padding included.</summary>
    public int Height => _size.PaddedHeight / Stride;

    /// <summary>Pixels of the network's input between neighbouring values.</summary>
    public int Stride { get; }

    /// <summary>Columns over the picture, from the left; not a whole number where the padding begins inside a value's square.</summary>
    public double PictureWidth => (double)_size.Width / Stride;

    /// <summary>Rows over the picture, from the top.</summary>
    public double PictureHeight => (double)_size.Height / Stride;

    /// <summary>The values, <see cref="Height"/> rows of <see cref="Width"/>.</summary>
    public ReadOnlySpan<float> Values => _values.Span;

    /// <summary>The value at a column and a row.</summary>
    /// <exception cref="IndexOutOfRangeException">There is no such column or row.</exception>
    public float this[int x, int y] => (uint)x < (uint)Width && (uint)y < (uint)Height ? _values.Span[(y * Width) + x]
        : throw new IndexOutOfRangeException($"({x},{y}) is outside a plane of {Width}x{Height}");

    /// <summary>Where a place of the plane lies in the picture.</summary>
    /// <param name="x">Column; whole numbers are the centres of the values' squares.</param>
    /// <param name="y">Row, likewise.</param>
    /// <returns>Pixels of the picture, the centre of its first pixel being (0,0).</returns>
    public Vector2 ToPicture(float x, float y) =>
        new((float)(((x + 0.5) * Stride / _size.ScaleX) - 0.5), (float)(((y + 0.5) * Stride / _size.ScaleY) - 0.5));
}
