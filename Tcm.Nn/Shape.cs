using System.Globalization;
using System.Runtime.CompilerServices;
using Tcm.Kernels;

namespace Tcm.Nn;

/// <summary>
/// Sizes of a tensor's axes, outermost first; up to five axes, none for a scalar. A value: compares by content. Immutable.
/// </summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly record struct Shape
{
    /// <summary>Most axes that a tensor can have.</summary>
    public const int MaxRank = 5;

    private readonly int _d0, _d1, _d2, _d3, _d4;

    /// <summary>Creates a shape.</summary>
    /// <exception cref="ShapeException">More than five axes, or a size below one.</exception>
    public Shape(params ReadOnlySpan<int> sizes)
    {
        if (sizes.Length > MaxRank)
        {
            throw new ShapeException($"Shape: {sizes.Length} axes, at most {MaxRank} are supported");
        }
        foreach (int size in sizes)
        {
            if (size < 1)
            {
                throw new ShapeException($"Shape: a size of {size}, expected at least 1");
            }
        }
        Rank = sizes.Length;
        _d0 = Rank > 0 ? sizes[0] : 1;
        _d1 = Rank > 1 ? sizes[1] : 1;
        _d2 = Rank > 2 ? sizes[2] : 1;
        _d3 = Rank > 3 ? sizes[3] : 1;
        _d4 = Rank > 4 ? sizes[4] : 1;
    }

    /// <summary>Number of axes.</summary>
    public int Rank { get; }

    /// <summary>Number of elements.</summary>
    public long Length => (long)_d0 * _d1 * _d2 * _d3 * _d4;

    /// <summary>Size of an axis; negative indices count from the last axis (-1).</summary>
    public int this[int axis]
    {
        get
        {
            int i = axis < 0 ? axis + Rank : axis;
            if ((uint)i >= (uint)Rank)
            {
                throw new ShapeException($"Shape: axis {axis} of {this}");
            }
            return i switch { 0 => _d0, 1 => _d1, 2 => _d2, 3 => _d3, _ => _d4 };
        }
    }

    /// <summary>Creates a shape from a collection expression.</summary>
    public static Shape Create(ReadOnlySpan<int> sizes) => new(sizes);

    /// <summary>The sizes, for collection expressions.</summary>
    public IEnumerator<int> GetEnumerator()
    {
        for (int i = 0; i < Rank; i++)
        {
            yield return this[i];
        }
    }

    /// <summary>The sizes as a new array.</summary>
    public int[] ToArray()
    {
        var sizes = new int[Rank];
        for (int i = 0; i < Rank; i++)
        {
            sizes[i] = this[i];
        }
        return sizes;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"({string.Join(',', ToArray().Select(d => d.ToString(CultureInfo.InvariantCulture)))})";
}
