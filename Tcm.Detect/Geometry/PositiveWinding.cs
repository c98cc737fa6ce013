namespace Tcm.Detect.Geometry;

/// <summary>
/// The part of the plane that a closed integer outline goes around a positive number of times, as rings: what Clipper 6's
/// union with positive fill makes of an offset outline. A workspace: one thread at a time.
/// </summary>
internal sealed class PositiveWinding
{
    private readonly PixelPointList _clean = new();
    private readonly PixelPointList _points = new();
    private readonly List<(int Start, int End)> _rings = [];
    private readonly WindingSweep _sweep = new();

    /// <summary>Rings found.</summary>
    public int RingCount => _rings.Count;

    /// <summary>Ring <paramref name="index"/>, in the order in which a sweep from the bottom of the screen begins them.</summary>
    public ReadOnlySpan<PixelPoint> Ring(int index) => _points.Span[_rings[index].Start.._rings[index].End];

    /// <summary>
    /// Finds the rings of <paramref name="outline"/> and returns their number: outer rings clockwise on the screen, holes
    /// the other way round. None if rounding left the outline without a consistent order.
    /// </summary>
    /// <param name="outline">Any closed outline.</param>
    /// <param name="framed">Whether Clipper would put a frame around it, as it does to shrink, see <see cref="SweepBounds.Build"/>.</param>
    public int Execute(ReadOnlySpan<PixelPoint> outline, bool framed = false)
    {
        _points.Clear();
        _rings.Clear();
        RemoveStraight(outline, _clean);
        if (_clean.Count < 3 || !_sweep.Execute(_clean.Span, framed))
        {
            return 0;
        }
        for (int i = 0; i < _sweep.Rings.Count; i++)
        {
            if (_sweep.Rings[i].First is { } first)
            {
                int start = _points.Count;
                var vertex = first;
                do
                {
                    vertex = vertex.Previous;
                    _points.Add(vertex.Point);
                }
                while (vertex != first);
                _rings.Add((start, _points.Count));
            }
        }
        return _rings.Count;
    }

    /// <summary>Removes repeated points, points within straight runs, and spikes.</summary>
    internal static void RemoveStraight(ReadOnlySpan<PixelPoint> outline, PixelPointList result)
    {
        result.Clear();
        foreach (var point in outline)
        {
            Push(result, point);
        }
        // The seam: the first points may be straight with the last ones.
        int first = 0;
        bool changed = true;
        while (changed && result.Count - first >= 3)
        {
            changed = false;
            var last = result[result.Count - 1];
            if (last == result[first] || Straight(result[result.Count - 2], last, result[first]))
            {
                result.Truncate(result.Count - 1);
                changed = true;
            }
            else if (Straight(last, result[first], result[first + 1]))
            {
                first++;
                changed = true;
            }
        }
        result.RemoveFirst(first);
        if (result.Count < 3)
        {
            result.Clear();
        }
    }

    private static void Push(PixelPointList result, PixelPoint point)
    {
        while (result.Count > 0)
        {
            if (result[result.Count - 1] == point)
            {
                return;
            }
            if (result.Count < 2 || !Straight(result[result.Count - 2], result[result.Count - 1], point))
            {
                break;
            }
            result.Truncate(result.Count - 1);
        }
        result.Add(point);
    }

    private static bool Straight(PixelPoint a, PixelPoint b, PixelPoint c) => SweepEdge.Parallel(a, b, b, c);
}
