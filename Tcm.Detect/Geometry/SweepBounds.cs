using System.Runtime.InteropServices;

namespace Tcm.Detect.Geometry;

/// <summary>The two edges that start at a local minimum.</summary>
internal readonly record struct SweepMinimum(SweepEdge Left, SweepEdge Right) : IAtHeight
{
    public int Y => Left.Bottom.Y;
}

/// <summary>
/// Cuts a closed outline at its local minima and maxima into bounds, chains of edges that only climb (Vatti 1992). A level
/// edge belongs to the bound that reaches its left end. The outline has no straight corners and no repeated points, so there
/// are never two level edges in a row. A workspace: one thread at a time.
/// </summary>
internal sealed class SweepBounds
{
    private static readonly SweepEdge Frame = BelowAll();

    private readonly List<SweepMinimum> _minima = [];
    private SweepEdge[] _edges = [];
    private PixelPoint[] _points = [];
    private int[] _heights = [];
    private int _count;
    private int _heightCount;

    /// <summary>The local minima, lowest on the screen first.</summary>
    public ReadOnlySpan<SweepMinimum> Minima => CollectionsMarshal.AsSpan(_minima);

    /// <summary>Distinct heights of the vertices, lowest on the screen first.</summary>
    public ReadOnlySpan<int> Heights => _heights.AsSpan(0, _heightCount);

    /// <summary>Finds the bounds of an outline. The edges are valid until the next use.</summary>
    /// <param name="outline">No straight corners, no repeated points.</param>
    /// <param name="framed">Clipper shrinks an outline inside a frame, whose minimum has a share in the unstable sort.</param>
    public void Build(ReadOnlySpan<PixelPoint> outline, bool framed)
    {
        Reserve(outline.Length);
        outline.CopyTo(_points);
        _count = outline.Length;
        FindHeights();
        _minima.Clear();
        for (int i = 0; i < _count; i++)
        {
            AddIfMinimum(i);
        }
        if (framed)
        {
            _minima.Add(new SweepMinimum(Frame, Frame));
        }
        HeightSort.Sort(CollectionsMarshal.AsSpan(_minima));
        if (framed)
        {
            _minima.RemoveAt(0);
        }
    }

    private static SweepEdge BelowAll()
    {
        var edge = new SweepEdge();
        edge.Set(new PixelPoint(0, int.MaxValue), new PixelPoint(0, int.MaxValue), 0);
        return edge;
    }

    private void Reserve(int count)
    {
        int old = _edges.Length;
        if (old >= count)
        {
            return;
        }
        Array.Resize(ref _edges, 2 * count);
        for (int i = old; i < _edges.Length; i++)
        {
            _edges[i] = new SweepEdge();
        }
        _points = new PixelPoint[2 * count];
        _heights = new int[2 * count];
    }

    private void FindHeights()
    {
        for (int i = 0; i < _count; i++)
        {
            _heights[i] = -_points[i].Y;
        }
        var heights = _heights.AsSpan(0, _count);
        heights.Sort();
        _heightCount = 0;
        foreach (int height in heights)
        {
            if (_heightCount == 0 || _heights[_heightCount - 1] != -height)
            {
                _heights[_heightCount++] = -height;
            }
        }
    }

    private int Wrap(int index) => index < 0 ? index + _count : index >= _count ? index - _count : index;

    // Ends of edge number index, seen along the outline (step 1) or against it (step -1).
    private (PixelPoint From, PixelPoint To) Ends(int index, int step)
    {
        var a = _points[Wrap(index)];
        var b = _points[Wrap(Wrap(index) + 1)];
        return step > 0 ? (a, b) : (b, a);
    }

    // How far the edge climbs.
    private int Rise(int index, int step)
    {
        var (from, to) = Ends(index, step);
        return from.Y - to.Y;
    }

    // Vertex i is a minimum if the outline comes down to it and leaves it upwards, perhaps after a level edge.
    private void AddIfMinimum(int i)
    {
        bool level = Rise(i, 1) == 0;
        if (Rise(i - 1, -1) <= 0 || Rise(level ? i + 1 : i, 1) <= 0)
        {
            return;
        }
        // The minimum is the left end of a level edge.
        bool levelForward = level && Ends(i, 1).From.X < Ends(i, 1).To.X;
        var forward = Climb(level && !levelForward ? i + 1 : i, 1);
        var backward = Climb(level && !levelForward ? i : i - 1, -1);
        _minima.Add(forward.Slope < backward.Slope ? new(backward, forward) : new(forward, backward));
    }

    // Links the edges of a bound from its lowest edge on.
    private SweepEdge Climb(int index, int step)
    {
        var first = Edge(index, step);
        var edge = first;
        while (true)
        {
            index = Wrap(index + step);
            int rise = Rise(index, step);
            if (rise == 0)
            {
                var (from, to) = Ends(index, step);
                bool goesOn = Rise(index + step, step) > 0;
                if (goesOn || from.X < to.X)
                {
                    edge = edge.Above = Edge(index, step);
                    index = Wrap(index + step);
                }
                if (!goesOn)
                {
                    break;
                }
                rise = 1;
            }
            if (rise < 0)
            {
                break;
            }
            edge = edge.Above = Edge(index, step);
        }
        // The next edge along the outline is the last one of the bound that comes from the other side.
        edge.Partner = _edges[index];
        return first;
    }

    private SweepEdge Edge(int index, int step)
    {
        var (from, to) = Ends(index, step);
        var edge = _edges[Wrap(index)];
        edge.Set(from, to, step);
        return edge;
    }
}
