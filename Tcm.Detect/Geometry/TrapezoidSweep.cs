namespace Tcm.Detect.Geometry;

/// <summary>
/// Cuts a polygon into trapezoids, at the heights of its vertices and of its crossings with itself. A polygon that crosses
/// itself covers what it goes around in its main direction, that of its signed area, as a repair by a buffer of width 0 has
/// it (JTS, GEOS). A workspace that is reused without allocation: one thread at a time.
/// </summary>
internal sealed class TrapezoidSweep
{
    private Edge[] _edges = [];
    private long[] _order = [];
    private int[] _active = [];
    private double[] _crossings = new double[8];
    private Trapezoid[] _found = new Trapezoid[64];
    private int _count, _activeCount, _direction;

    /// <summary>The trapezoids of a polygon, until the next call; none if it has no area.</summary>
    public ReadOnlySpan<Trapezoid> Decompose(ReadOnlySpan<PixelPoint> polygon)
    {
        _count = 0;
        _activeCount = 0;
        ReadEdges(polygon);
        for (int i = 0; i < polygon.Length;)
        {
            int top = polygon[(int)_order[i]].Y;
            Leave(top);
            // Edge i goes from vertex i to the next one: each vertex begins those of its two edges that lead down from it.
            for (; i < polygon.Length && polygon[(int)_order[i]].Y == top; i++)
            {
                int vertex = (int)_order[i];
                Enter(vertex, top);
                Enter(vertex == 0 ? polygon.Length - 1 : vertex - 1, top);
            }
            if (i < polygon.Length && _activeCount > 0)
            {
                Cut(top, polygon[(int)_order[i]].Y);
            }
        }
        return _found.AsSpan(0, _count);
    }

    private void ReadEdges(ReadOnlySpan<PixelPoint> polygon)
    {
        if (_edges.Length < polygon.Length)
        {
            (_edges, _order, _active) = (new Edge[polygon.Length], new long[polygon.Length], new int[polygon.Length]);
        }
        double twiceArea = 0;
        var origin = polygon[0];
        for (int i = 0; i < polygon.Length; i++)
        {
            PixelPoint a = polygon[i], b = polygon[i + 1 < polygon.Length ? i + 1 : 0];
            twiceArea += ((double)(a.X - origin.X) * (b.Y - origin.Y)) - ((double)(b.X - origin.X) * (a.Y - origin.Y));
            _edges[i] = a.Y < b.Y ? new Edge(a, b, -1) : new Edge(b, a, 1);
            // By height; the lower half is the index, so that a plain sort of numbers will do.
            _order[i] = ((long)a.Y << 32) | (uint)i;
        }
        _direction = twiceArea > 0 ? 1 : -1;
        _order.AsSpan(0, polygon.Length).Sort();
    }

    private void Enter(int edge, int top)
    {
        if (_edges[edge].Top == top && _edges[edge].Bottom > top)
        {
            _active[_activeCount++] = edge;
        }
    }

    private void Leave(int top)
    {
        int kept = 0;
        foreach (int edge in _active.AsSpan(0, _activeCount))
        {
            if (_edges[edge].Bottom > top)
            {
                _active[kept++] = edge;
            }
        }
        _activeCount = kept;
    }

    // Between two heights without a vertex in between.
    private void Cut(double top, double bottom)
    {
        Place(top, bottom);
        if (IsOrdered())
        {
            Emit(top, bottom);
            return;
        }
        int count = FindCrossings(top, bottom);
        for (int i = 0; i <= count; i++)
        {
            double end = i < count ? _crossings[i] : bottom;
            if (end > top)
            {
                Place(top, end);
                Emit(top, end);
                top = end;
            }
        }
    }

    // Where the active edges are at two heights, and their order in between, which changes little from slab to slab.
    private void Place(double top, double bottom)
    {
        for (int i = 0; i < _activeCount; i++)
        {
            int index = _active[i];
            ref var edge = ref _edges[index];
            (edge.X0, edge.X1) = (edge.At(top), edge.At(bottom));
            double middle = edge.X0 + edge.X1;
            int at = i;
            for (; at > 0 && _edges[_active[at - 1]].X0 + _edges[_active[at - 1]].X1 > middle; at--)
            {
                _active[at] = _active[at - 1];
            }
            _active[at] = index;
        }
    }

    private bool IsOrdered()
    {
        for (int i = 1; i < _activeCount; i++)
        {
            ref var left = ref _edges[_active[i - 1]];
            ref var right = ref _edges[_active[i]];
            if (left.X0 > right.X0 || left.X1 > right.X1)
            {
                return false;
            }
        }
        return true;
    }

    private int FindCrossings(double top, double bottom)
    {
        int count = 0;
        for (int i = 0; i < _activeCount; i++)
        {
            for (int j = 0; j < i; j++)
            {
                ref var a = ref _edges[_active[i]];
                ref var b = ref _edges[_active[j]];
                double before = a.X0 - b.X0, after = a.X1 - b.X1;
                if (before * after < 0)
                {
                    if (count == _crossings.Length)
                    {
                        Array.Resize(ref _crossings, 2 * count);
                    }
                    _crossings[count++] = Math.Clamp(top + ((bottom - top) * (before / (before - after))), top, bottom);
                }
            }
        }
        _crossings.AsSpan(0, count).Sort();
        return count;
    }

    private void Emit(double top, double bottom)
    {
        int winding = 0, left = 0;
        foreach (int index in _active.AsSpan(0, _activeCount))
        {
            int before = winding;
            winding += _direction * _edges[index].Winding;
            if (before <= 0 && winding > 0)
            {
                left = index;
            }
            else if (before > 0 && winding <= 0)
            {
                Add(top, bottom, _edges[left], _edges[index]);
            }
        }
    }

    private void Add(double top, double bottom, in Edge left, in Edge right)
    {
        if (right.X0 <= left.X0 && right.X1 <= left.X1)
        {
            return;
        }
        if (_count == _found.Length)
        {
            Array.Resize(ref _found, 2 * _count);
        }
        _found[_count++] = new Trapezoid(top, bottom, left.X0, left.Slope, right.X0, right.Slope);
    }

    /// <summary>From the upper to the lower end. Winding: what going over it to the right adds to the winding number.</summary>
    private struct Edge(PixelPoint upper, PixelPoint lower, int winding)
    {
        private readonly int _upperX = upper.X, _lowerX = lower.X;

        /// <summary>Not a number for an edge that is level, which never takes part.</summary>
        public readonly double Slope = ((double)lower.X - upper.X) / ((double)lower.Y - upper.Y);

        public readonly int Top = upper.Y, Bottom = lower.Y, Winding = winding;

        /// <summary>x at the two heights in question.</summary>
        public double X0, X1;

        public readonly double At(double y) => y >= Bottom ? _lowerX : _upperX + (Slope * (y - Top));
    }
}
