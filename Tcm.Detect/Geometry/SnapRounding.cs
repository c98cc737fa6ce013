using System.Diagnostics;

namespace Tcm.Detect.Geometry;

/// <summary>An edge between two nodes; <see cref="Low"/> is the left one (in a column the one with the smaller y).</summary>
/// <param name="Low">Node.</param>
/// <param name="High">Node, greater than <paramref name="Low"/>.</param>
/// <param name="Winding">How often the outline runs from Low to High, minus how often it runs back.</param>
/// <param name="Source">The outline's edge from which this one comes.</param>
internal readonly record struct SnappedEdge(int Low, int High, int Winding, int Source);

/// <summary>A node of the snapped outline: where it lies on the fine grid, and in whole pixels.</summary>
internal readonly record struct SnappedNode(PixelPoint Fine, PixelPoint Pixel, bool IsVertex);

/// <summary>
/// Snap rounding (Hobby 1999) of a closed outline with itself: the vertices and the rounded crossings are hot pixels, and
/// each edge is bent through the centre of all hot pixels that it meets. Then edges meet only in nodes, whatever the
/// outline looks like. The grid is 64 times finer than the outline's, so that the bends stay invisible; the crossings'
/// places in whole pixels are rounded from their exact places, half away from zero as in Clipper.
/// A workspace: one thread at a time.
/// </summary>
internal sealed class SnapRounding
{
    private const int Shift = 6;
    private const int Limit = 1 << 17;

    private readonly List<(long Along, int Node)> _chain = [];
    private SnappedNode[] _nodes = new SnappedNode[64];
    private SnappedEdge[] _edges = new SnappedEdge[64];
    private long[] _keys = new long[64];
    private Segment[] _segments = [];
    private int[] _columns = [];
    private int _left;
    private int _nodeCount;
    private int _edgeCount;

    // An edge of the outline with its range of y.
    private readonly record struct Segment(PixelPoint From, PixelPoint To, int Top, int Bottom, int Index);

    /// <summary>The nodes, ordered by x, then y.</summary>
    public ReadOnlySpan<SnappedNode> Nodes => _nodes.AsSpan(0, _nodeCount);

    /// <summary>The edges, ordered by their low node, there by slope; without those that the outline runs both ways.</summary>
    public ReadOnlySpan<SnappedEdge> Edges => _edges.AsSpan(0, _edgeCount);

    /// <summary>Positive if a, b, c turn clockwise on the screen.</summary>
    public static long Turn(PixelPoint a, PixelPoint b, PixelPoint c) =>
        (long)(b.X - a.X) * (c.Y - a.Y) - (long)(b.Y - a.Y) * (c.X - a.X);

    /// <summary>Collects vertices and crossings; false if the outline does not touch itself.</summary>
    public bool FindCrossings(ReadOnlySpan<PixelPoint> outline)
    {
        int n = outline.Length;
        _nodeCount = 0;
        ReserveKeys(n);
        if (_segments.Length < n)
        {
            _segments = new Segment[2 * n];
        }
        for (int i = 0; i < n; i++)
        {
            PixelPoint a = outline[i], b = outline[i + 1 == n ? 0 : i + 1];
            Debug.Assert(Math.Abs(a.X) < Limit && Math.Abs(a.Y) < Limit);
            AddNode(new SnappedNode(Fine(a), a, true));
            _segments[i] = new Segment(a, b, Math.Min(a.Y, b.Y), Math.Max(a.Y, b.Y), i);
            _keys[i] = Math.Min(a.X, b.X);
        }
        var keys = _keys.AsSpan(0, n);
        var segments = _segments.AsSpan(0, n);
        keys.Sort(segments);
        bool touches = false;
        for (int k = 0; k < segments.Length; k++)
        {
            var one = segments[k];
            int right = Math.Max(one.From.X, one.To.X);
            for (int m = k + 1; m < segments.Length && keys[m] <= right; m++)
            {
                ref var other = ref segments[m];
                if (other.Bottom < one.Top || other.Top > one.Bottom)
                {
                    continue;
                }
                int apart = Math.Abs(one.Index - other.Index);
                if (apart != 1 && apart != n - 1)
                {
                    touches |= Meet(one.From, one.To, other.From, other.To);
                }
            }
        }
        return touches;
    }

    // Proper crossings become hot pixels. A touch needs none, because the vertex that touches is one already.
    private bool Meet(PixelPoint a, PixelPoint b, PixelPoint c, PixelPoint d)
    {
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
            AddCrossing(a, b, c, d, cda, cda - cdb);
        }
        return true;
    }

    // The point a + (b - a) * numerator / denominator, which lies on (c, d) too.
    private void AddCrossing(PixelPoint a, PixelPoint b, PixelPoint c, PixelPoint d, long numerator, long denominator)
    {
        if (denominator < 0)
        {
            (numerator, denominator) = (-numerator, -denominator);
        }
        var pixel = a.Y == b.Y ? OnLevel(c, d, a.Y)
            : c.Y == d.Y ? OnLevel(a, b, c.Y)
            : new PixelPoint(
                AwayFromZero(a.X * denominator + (b.X - a.X) * numerator, denominator),
                AwayFromZero(a.Y * denominator + (b.Y - a.Y) * numerator, denominator));
        AddNode(new SnappedNode(
            new PixelPoint(FineShare(a.X, b.X - a.X, numerator, denominator), FineShare(a.Y, b.Y - a.Y, numerator, denominator)),
            pixel, false));
    }

    // Clipper's sweep comes from large y and rounds the way from the edge's first point, which decides about halves.
    private static PixelPoint OnLevel(PixelPoint a, PixelPoint b, int y)
    {
        var (first, last) = a.Y > b.Y ? (a, b) : (b, a);
        return new PixelPoint(first.X + AwayFromZero((last.X - first.X) * (long)(first.Y - y), first.Y - last.Y), y);
    }

    private static PixelPoint Fine(PixelPoint point) => new(point.X << Shift, point.Y << Shift);

    // floor(2^Shift * (from + length * numerator / denominator) + 1/2)
    private static int FineShare(int from, long length, long numerator, long denominator)
    {
        long dividend = ((length * numerator) << (Shift + 1)) + denominator;
        long divisor = 2 * denominator;
        long quotient = dividend / divisor;
        return (from << Shift) + (int)(dividend % divisor < 0 ? quotient - 1 : quotient);
    }

    private static int AwayFromZero(long dividend, long divisor)
    {
        long rounded = (2 * Math.Abs(dividend) + divisor) / (2 * divisor);
        return (int)(dividend < 0 ? -rounded : rounded);
    }

    // Sorting numbers with their items is several times faster than sorting with a comparison.
    private void ReserveKeys(int count)
    {
        if (_keys.Length < count)
        {
            _keys = new long[2 * count];
        }
    }

    private void AddNode(SnappedNode node)
    {
        if (_nodeCount == _nodes.Length)
        {
            Array.Resize(ref _nodes, 2 * _nodeCount);
        }
        _nodes[_nodeCount++] = node;
    }

    /// <summary>Makes the nodes and edges. Call after <see cref="FindCrossings"/> with the same outline.</summary>
    public void Snap(ReadOnlySpan<PixelPoint> outline)
    {
        IndexNodes();
        _edgeCount = 0;
        int n = outline.Length;
        for (int i = 0; i < n; i++)
        {
            var a = Fine(outline[i]);
            var b = Fine(outline[i + 1 == n ? 0 : i + 1]);
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
        ReserveKeys(_nodeCount);
        for (int i = 0; i < _nodeCount; i++)
        {
            // By x, then y, vertices before crossings.
            var node = _nodes[i];
            _keys[i] = ((long)node.Fine.X << 32) + ((long)node.Fine.Y << 1) + (node.IsVertex ? 0 : 1);
        }
        _keys.AsSpan(0, _nodeCount).Sort(_nodes.AsSpan(0, _nodeCount));
        int unique = 0;
        for (int i = 0; i < _nodeCount; i++)
        {
            if (unique == 0 || _nodes[unique - 1].Fine != _nodes[i].Fine)
            {
                _nodes[unique++] = _nodes[i];
            }
        }
        _nodeCount = unique;
        _left = Column(_nodes[0].Fine.X);
        int columns = Column(_nodes[_nodeCount - 1].Fine.X) - _left + 1;
        if (_columns.Length <= columns)
        {
            _columns = new int[2 * columns + 1];
        }
        for (int column = 0, i = 0; column <= columns; column++)
        {
            while (i < _nodeCount && Column(_nodes[i].Fine.X) < _left + column)
            {
                i++;
            }
            _columns[column] = i;
        }
    }

    // Nodes are looked up by whole pixels of x.
    private static int Column(int fineX) => fineX >> Shift;

    // The hot pixels that the edge from a to b meets, in order along it.
    private void Chain(PixelPoint a, PixelPoint b)
    {
        _chain.Clear();
        long dx = b.X - a.X, dy = b.Y - a.Y;
        int last = Column(b.X);
        long top = Math.Min(a.Y, b.Y), bottom = Math.Max(a.Y, b.Y);
        // Narrowing the range of y column by column pays only for long slanted edges.
        bool narrow = last - Column(a.X) > 8 && bottom - top > 8 << Shift;
        double slope = narrow ? (double)dy / dx : 0;
        var nodes = _nodes.AsSpan(0, _nodeCount);
        for (int column = Column(a.X); column <= last; column++)
        {
            long low = top, high = bottom;
            if (narrow)
            {
                // One more on both sides; the pixel test then decides.
                double y0 = a.Y + slope * ((column << Shift) - 1 - a.X);
                double y1 = a.Y + slope * (((column + 1) << Shift) + 1 - a.X);
                low = Math.Max(low, (long)Math.Min(y0, y1) - 2);
                high = Math.Min(high, (long)Math.Max(y0, y1) + 2);
            }
            int end = _columns[column - _left + 1];
            for (int node = _columns[column - _left]; node < end; node++)
            {
                var pixel = nodes[node].Fine;
                if (pixel.Y >= low && pixel.Y <= high && pixel.X >= a.X && pixel.X <= b.X && Meets(a, b, pixel))
                {
                    Insert(dx * (pixel.X - a.X) + dy * (pixel.Y - a.Y), node);
                }
            }
        }
    }

    private void Insert(long along, int node)
    {
        int at = _chain.Count;
        while (at > 0 && _chain[at - 1].Along > along)
        {
            at--;
        }
        if (at == _chain.Count)
        {
            _chain.Add((along, node));
            return;
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
        ReserveKeys(_edgeCount);
        for (int i = 0; i < edges.Length; i++)
        {
            _keys[i] = ((long)edges[i].Low << 32) + edges[i].High;
        }
        _keys.AsSpan(0, edges.Length).Sort(edges);
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
                && Turn(_nodes[edge.Low].Fine, _nodes[_edges[at - 1].High].Fine, _nodes[edge.High].Fine) < 0)
            {
                _edges[at] = _edges[at - 1];
                at--;
            }
            _edges[at] = edge;
        }
    }
}
