namespace Tcm.Detect.Geometry;

/// <summary>A growing array of points that keeps its memory between uses and gives it out as a span.</summary>
internal sealed class PixelPointList
{
    private PixelPoint[] _items = new PixelPoint[64];

    public int Count { get; private set; }

    public Span<PixelPoint> Span => _items.AsSpan(0, Count);

    public ref PixelPoint this[int index] => ref _items[index];

    public void Clear() => Count = 0;

    public void Add(PixelPoint point)
    {
        if (Count == _items.Length)
        {
            Array.Resize(ref _items, 2 * Count);
        }
        _items[Count++] = point;
    }

    public void Add(ReadOnlySpan<PixelPoint> points)
    {
        if (Count + points.Length > _items.Length)
        {
            Array.Resize(ref _items, Math.Max(2 * Count, Count + points.Length));
        }
        points.CopyTo(_items.AsSpan(Count));
        Count += points.Length;
    }

    /// <summary>Forgets everything behind the first <paramref name="count"/> points.</summary>
    public void Truncate(int count) => Count = count;

    /// <summary>Forgets the first <paramref name="count"/> points.</summary>
    public void RemoveFirst(int count)
    {
        _items.AsSpan(count, Count - count).CopyTo(_items);
        Count -= count;
    }
}
