using System.Diagnostics;

namespace Tcm.Detect.Geometry;

/// <summary>An edge between two nodes; <see cref="Low"/> is the left one (in a column the one with the smaller y).</summary>
/// <param name="Low">Node.</param>
/// <param name="High">Node, greater than <paramref name="Low"/>.</param>
/// <param name="Winding">How often the outline runs from Low to High, minus how often it runs back.</param>
/// <param name="Source">The outline's edge from which this one comes.</param>
internal readonly record struct SnappedEdge(int Low, int High, int Winding, int Source);

/// <summary>
/// Snap rounding (Hobby 1999) of a closed outline with itself: the vertices and the rounded crossings are hot pixels, and
/// each edge is bent through the centre of all hot pixels that it meets. Then edges meet only in nodes. All decisions are
/// exact: coordinates must stay below 2^19. A workspace: one thread at a time.
/// </summary>
internal sealed class SnapRounding
{
    private const int Limit = 1 << 19;

    private readonly PixelPointList _hot = new();
    private readonly PixelPointList _nodes = new();
    private readonly List<(long Along, int Node)> _chain = [];
    private SnappedEdge[] _edges = new SnappedEdge[64];
    private (int Left, int Index)[] _order = [];
    private int[] _columns = [];
    private int _left;
    private int _edgeCount;

    /// <summary>The nodes, ordered by x, then y.</summary>
    public ReadOnlySpan<PixelPoint> Nodes => _nodes.Span;

    /// <summary>The edges, ordered by their low node, there by slope; without those that the outline runs both ways.</summary>
    public ReadOnlySpan<SnappedEdge> Edges => _edges.AsSpan(0, _edgeCount);

    /// <summary>Positive if a, b, c turn clockwise on the screen.</summary>
    public static long Turn(PixelPoint a, PixelPoint b, PixelPoint c) =>
        (long)(b.X - a.X) * (c.Y - a.Y) - (long)(b.Y - a.Y) * (c.X - a.X);

    /// <summary>Collects vertices and crossings; false if the outline does not touch itself.</summary>
    public bool FindCrossings(ReadOnlySpan<PixelPoint> outline)
    {
        int n = outline.Length;
        _hot.Clear();
        _hot.Add(outline);
        if (_order.Length < n)
        {
            _order = new (int, int)[2 * n];
        }
        for (int i = 0; i < n; i++)
        {
            Debug.Assert(Math.Abs(outline[i].X) < Limit && Math.Abs(outline[i].Y) < Limit);
            _order[i] = (Math.Min(outline[i].X, outline[i + 1 == n ? 0 : i + 1].X), i);
        }
        _order.AsSpan(0, n).Sort(static (a, b) => a.Left != b.Left ? a.Left.CompareTo(b.Left) : a.Index.CompareTo(b.Index));
        bool touches = false;
        for (int k = 0; k < n; k++)
        {
            int i = _order[k].Index;
            var a = outline[i];
            var b = outline[i + 1 == n ? 0 : i + 1];
            int right = Math.Max(a.X, b.X);
            int top = Math.Min(a.Y, b.Y);
            int bottom = Math.Max(a.Y, b.Y);
            for (int m = k + 1; m < n && _order[m].Left <= right; m++)
            {
                int j = _order[m].Index;
                var c = outline[j];
                var d = outline[j + 1 == n ? 0 : j + 1];
                if (Math.Max(c.Y, d.Y) < top || Math.Min(c.Y, d.Y) > bottom)
                {
                    continue;
                }
                bool neighbours = Math.Abs(i - j) == 1 || Math.Abs(i - j) == n - 1;
                touches |= Meet(a, b, c, d, neighbours);
            }
        }
        return touches;
    }

    // Proper crossings become hot pixels. A touch needs none, because the vertex that touches is one already.
    private bool Meet(PixelPoint a, PixelPoint b, PixelPoint c, PixelPoint d, bool neighbours)
    {
        if (neighbours)
        {
            return false;
        }
        long abc = Turn(a, b, c);
        long abd = Turn(a, b, d);
        if ((abc > 0 && abd > 0) || (abc < 0 && abd < 0))
        {
            return false;
        }
        long cda = Turn(c, d, a);
        long cdb = Turn(c, d, b);
        if ((cda > 0 && cdb > 0) || (cda < 0 && cdb < 0))
        {
            return false;
        }
        if (abc != 0 && abd != 0 && cda != 0 && cdb != 0)
        {
            long denominator = cda - cdb;
            long numerator = denominator < 0 ? -cda : cda;
            denominator = Math.Abs(denominator);
            _hot.Add(new PixelPoint(
                a.X + RoundedShare(b.X - a.X, numerator, denominator),
                a.Y + RoundedShare(b.Y - a.Y, numerator, denominator)));
        }
        return true;
    }

    // floor(length * numerator / denominator + 1/2)
    private static int RoundedShare(long length, long numerator, long denominator)
    {
        long dividend = 2 * length * numerator + denominator;
        long divisor = 2 * denominator;
        long quotient = dividend / divisor;
        return (int)(dividend % divisor < 0 ? quotient - 1 : quotient);
    }

    /// <summary>Makes the nodes and edges. Call after <see cref="FindCrossings"/> with the same outline.</summary>
    public void Snap(ReadOnlySpan<PixelPoint> outline)
    {
        IndexNodes();
        _edgeCount = 0;
        int n = outline.Length;
        for (int i = 0; i < n; i++)
        {
            var a = outline[i];
            var b = outline[i + 1 == n ? 0 : i + 1];
            bool forward = a.X != b.X ? a.X < b.X : a.Y < b.Y;
            Chain(forward ? a : b, forward ? b : a);
            for (int k = 1; k < _chain.Count; k++)
            {
                AddEdge(_chain[k - 1].Node, _chain[k].Node, forward ? 1 : -1, i);
            }
        }
        MergeEdges();
    }

    private void IndexNodes()
    {
        _hot.Span.Sort(static (p, q) => p.X != q.X ? p.X.CompareTo(q.X) : p.Y.CompareTo(q.Y));
        _nodes.Clear();
        foreach (var point in _hot.Span)
        {
            if (_nodes.Count == 0 || _nodes[_nodes.Count - 1] != point)
            {
                _nodes.Add(point);
            }
        }
        _left = _nodes[0].X;
        int columns = _nodes[_nodes.Count - 1].X - _left + 1;
        if (_columns.Length <= columns)
        {
            _columns = new int[2 * columns + 1];
        }
        for (int x = 0, i = 0; x <= columns; x++)
        {
            while (i < _nodes.Count && _nodes[i].X < _left + x)
            {
                i++;
            }
            _columns[x] = i;
        }
    }

    // The hot pixels that the edge from a to b meets, in order along it.
    private void Chain(PixelPoint a, PixelPoint b)
    {
        _chain.Clear();
        long dx = b.X - a.X, dy = b.Y - a.Y;
        for (int x = a.X; x <= b.X; x++)
        {
            // The range of y of the edge within the column, one more on both sides; the pixel test then decides.
            long low = Math.Min(a.Y, b.Y), high = Math.Max(a.Y, b.Y);
            if (dx > 0)
            {
                double slope = (double)dy / dx;
                double y0 = a.Y + slope * (x - 0.5 - a.X), y1 = a.Y + slope * (x + 0.5 - a.X);
                low = Math.Max(low, (long)Math.Floor(Math.Min(y0, y1)) - 1);
                high = Math.Min(high, (long)Math.Ceiling(Math.Max(y0, y1)) + 1);
            }
            int end = _columns[x - _left + 1];
            for (int node = FirstAtOrBelow(_columns[x - _left], end, low); node < end && _nodes[node].Y <= high; node++)
            {
                var pixel = _nodes[node];
                if (Meets(a, b, pixel))
                {
                    Insert(dx * (pixel.X - a.X) + dy * (pixel.Y - a.Y), node);
                }
            }
        }
    }

    private int FirstAtOrBelow(int begin, int end, long y)
    {
        while (begin < end)
        {
            int middle = (begin + end) / 2;
            if (_nodes[middle].Y < y)
            {
                begin = middle + 1;
            }
            else
            {
                end = middle;
            }
        }
        return begin;
    }

    private void Insert(long along, int node)
    {
        int at = _chain.Count;
        while (at > 0 && _chain[at - 1].Along > along)
        {
            at--;
        }
        _chain.Insert(at, (along, node));
    }

    // Whether the edge meets the pixel's square, of which the left and the upper side belong to it. The caller knows that
    // the bounding boxes meet; what is left is on which side of the edge's line the four corners lie.
    private static bool Meets(PixelPoint a, PixelPoint b, PixelPoint pixel)
    {
        if (pixel == a || pixel == b)
        {
            return true;
        }
        long dx = b.X - a.X, dy = b.Y - a.Y;
        // Twice the turn of (a, b, centre); a corner half a pixel away adds (+-dx) + (+-dy).
        long middle = 2 * (dx * (pixel.Y - a.Y) - dy * (pixel.X - a.X));
        long reach = Math.Abs(dx) + Math.Abs(dy);
        if (Math.Abs(middle) != reach)
        {
            return Math.Abs(middle) < reach;
        }
        // Only a corner touches (or a side, if the edge is level or upright, which integer coordinates rule out). Of the
        // corners only the upper left one belongs to the pixel; its own term is dy - dx.
        return middle + dy - dx == 0;
    }

    private void AddEdge(int low, int high, int winding, int source)
    {
        if (_edgeCount == _edges.Length)
        {
            Array.Resize(ref _edges, 2 * _edgeCount);
        }
        _edges[_edgeCount++] = low < high
            ? new SnappedEdge(low, high, winding, source)
            : new SnappedEdge(high, low, -winding, source);
    }

    private void MergeEdges()
    {
        var edges = _edges.AsSpan(0, _edgeCount);
        edges.Sort(static (e, f) => e.Low != f.Low ? e.Low.CompareTo(f.Low) : e.High.CompareTo(f.High));
        int count = 0;
        for (int i = 0; i < edges.Length;)
        {
            var edge = edges[i];
            int winding = 0;
            for (; i < edges.Length && edges[i].Low == edge.Low && edges[i].High == edge.High; i++)
            {
                winding += edges[i].Winding;
            }
            if (winding != 0)
            {
                edges[count++] = edge with { Winding = winding };
            }
        }
        _edgeCount = count;
        SortBySlope();
    }

    // Edges that leave the same node, from the one that goes most upwards on the screen to the one most downwards.
    private void SortBySlope()
    {
        for (int i = 1; i < _edgeCount; i++)
        {
            var edge = _edges[i];
            int at = i;
            while (at > 0 && _edges[at - 1].Low == edge.Low
                && Turn(_nodes[edge.Low], _nodes[_edges[at - 1].High], _nodes[edge.High]) < 0)
            {
                _edges[at] = _edges[at - 1];
                at--;
            }
            _edges[at] = edge;
        }
    }
}
