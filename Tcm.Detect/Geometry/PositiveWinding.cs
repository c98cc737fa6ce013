using System.Diagnostics;

namespace Tcm.Detect.Geometry;

/// <summary>
/// The part of the plane that a closed integer outline goes around a positive number of times, as rings: what Clipper's
/// union with positive fill makes of an offset outline. NetTopologySuite has no fill by winding number, so the crossings
/// are snapped to the grid by <see cref="SnapRounding"/>, a sweep finds the winding number on both sides of each edge, and
/// the edges between inside and outside are joined. A workspace: one thread at a time.
/// </summary>
internal sealed class PositiveWinding
{
    private readonly SnapRounding _snapping = new();
    private readonly PixelPointList _clean = new();
    private readonly PixelPointList _points = new();
    private readonly List<(int Start, int End)> _rings = [];
    private readonly List<int> _status = [];
    private readonly List<int> _sources = [];
    private int[] _windingAbove = [];
    private int[] _firstOut = [];
    private Border[] _borders = [];

    // An edge of the result, inside on the left of it seen with y up.
    private record struct Border(int From, int To, int Source, bool Used);

    /// <summary>Rings found.</summary>
    public int RingCount => _rings.Count;

    /// <summary>Ring <paramref name="index"/>, the one that reaches lowest on the screen first.</summary>
    public ReadOnlySpan<PixelPoint> Ring(int index) => _points.Span[_rings[index].Start.._rings[index].End];

    /// <summary>Finds the rings of <paramref name="outline"/> and returns their number.</summary>
    public int Execute(ReadOnlySpan<PixelPoint> outline)
    {
        _points.Clear();
        _rings.Clear();
        RemoveStraight(outline, _clean);
        if (_clean.Count < 3)
        {
            return 0;
        }
        if (!_snapping.FindCrossings(_clean.Span))
        {
            if (PolygonMeasures.TwiceSignedArea(_clean.Span) > 0)
            {
                _points.Add(_clean.Span);
                _rings.Add((0, _points.Count));
            }
            return _rings.Count;
        }
        _snapping.Snap(_clean.Span);
        FindWinding();
        TraceRings();
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

    private static bool Straight(PixelPoint a, PixelPoint b, PixelPoint c) => SnapRounding.Turn(a, b, c) == 0;

    // A sweep over the nodes from left to right (and upwards in y within a column). Between two nodes the edges in the
    // status do not cross, so their order by y is fixed and the winding number changes edge by edge.
    private void FindWinding()
    {
        var edges = _snapping.Edges;
        var nodes = _snapping.Nodes;
        if (_windingAbove.Length < edges.Length)
        {
            _windingAbove = new int[2 * edges.Length];
            _borders = new Border[2 * edges.Length];
        }
        _status.Clear();
        int borders = 0;
        for (int node = 0, next = 0; node < nodes.Length; node++)
        {
            var at = nodes[node].Fine;
            int low = 0, high = _status.Count;
            while (low < high)
            {
                int middle = (low + high) / 2;
                var edge = edges[_status[middle]];
                if (SnapRounding.Turn(nodes[edge.Low].Fine, nodes[edge.High].Fine, at) > 0)
                {
                    low = middle + 1;
                }
                else
                {
                    high = middle;
                }
            }
            int ending = low;
            while (ending < _status.Count && edges[_status[ending]].High == node)
            {
                ending++;
            }
            _status.RemoveRange(low, ending - low);
            int winding = low > 0 ? _windingAbove[_status[low - 1]] : 0;
            for (; next < edges.Length && edges[next].Low == node; next++)
            {
                var edge = edges[next];
                int above = winding + edge.Winding;
                if (above > 0 != winding > 0)
                {
                    _borders[borders++] = above > 0
                        ? new Border(edge.Low, edge.High, edge.Source, false)
                        : new Border(edge.High, edge.Low, edge.Source, false);
                }
                winding = above;
                _windingAbove[next] = above;
                _status.Insert(low++, next);
            }
        }
        SortBorders(borders, nodes.Length);
    }

    private void SortBorders(int count, int nodes)
    {
        _borders.AsSpan(0, count).Sort(static (a, b) => a.From.CompareTo(b.From));
        if (_firstOut.Length <= nodes)
        {
            _firstOut = new int[2 * nodes + 1];
        }
        for (int node = 0, i = 0; node <= nodes; node++)
        {
            while (i < count && _borders[i].From < node)
            {
                i++;
            }
            _firstOut[node] = i;
        }
    }

    private void TraceRings()
    {
        int count = _firstOut[_snapping.Nodes.Length];
        for (int i = 0; i < count; i++)
        {
            if (!_borders[i].Used)
            {
                TraceRing(i);
            }
        }
        var points = _points;
        _rings.Sort((a, b) =>
        {
            var p = Lowest(points.Span[a.Start..a.End]);
            var q = Lowest(points.Span[b.Start..b.End]);
            return p.Y != q.Y ? q.Y.CompareTo(p.Y) : p.X.CompareTo(q.X);
        });
    }

    private static PixelPoint Lowest(ReadOnlySpan<PixelPoint> ring)
    {
        var lowest = ring[0];
        foreach (var point in ring)
        {
            if (point.Y > lowest.Y || (point.Y == lowest.Y && point.X < lowest.X))
            {
                lowest = point;
            }
        }
        return lowest;
    }

    private void TraceRing(int start)
    {
        var nodes = _snapping.Nodes;
        _clean.Clear();
        _sources.Clear();
        int border = start;
        do
        {
            ref var here = ref _borders[border];
            here.Used = true;
            _clean.Add(nodes[here.From].Pixel);
            _sources.Add(here.Source);
            border = Next(here.From, here.To, start);
        }
        while (border >= 0 && border != start);
        Debug.Assert(border == start, "borders enter and leave a node equally often");
        int begin = _points.Count;
        KeepCorners();
        RemoveStraight(_points.Span[begin..], _clean);
        _points.Truncate(begin);
        long area = PolygonMeasures.TwiceSignedArea(_clean.Span);
        // Gaps of less than a pixel come from rounding; they are no holes.
        if (area > 0 || area <= -2)
        {
            _points.Add(_clean.Span);
            _rings.Add((begin, _points.Count));
        }
    }

    // An outline's edge that was bent only because a crossing hidden inside lies near it is made straight again.
    private void KeepCorners()
    {
        int count = _clean.Count;
        for (int i = 0; i < count; i++)
        {
            if (_sources[i] != _sources[i == 0 ? count - 1 : i - 1])
            {
                _points.Add(_clean[i]);
            }
        }
    }

    // The sharpest turn towards the inside, so that parts which only touch in a point become rings of their own.
    private int Next(int from, int node, int start)
    {
        var nodes = _snapping.Nodes;
        int best = -1;
        double bestAngle = double.NegativeInfinity;
        for (int i = _firstOut[node]; i < _firstOut[node + 1]; i++)
        {
            if (_borders[i].Used && i != start)
            {
                continue;
            }
            PixelPoint a = nodes[from].Fine, b = nodes[node].Fine, c = nodes[_borders[i].To].Fine;
            double ax = b.X - a.X, ay = b.Y - a.Y, bx = c.X - b.X, by = c.Y - b.Y;
            double angle = Math.Atan2(ax * by - ay * bx, ax * bx + ay * by);
            if (angle > bestAngle)
            {
                bestAngle = angle;
                best = i;
            }
        }
        return best;
    }
}
