using System.Diagnostics;

namespace Tcm.Detect.Geometry;

/// <summary>
/// Vatti's sweep ("A generic solution to polygon clipping", CACM 1992) over one outline: climbs from vertex height to vertex
/// height and draws the borders between positive winding numbers and others. Which vertices come out depends on where
/// coordinates are rounded and in which order edges meet; both are those of Clipper 6, so that the rings agree with its
/// rings to the last vertex. A workspace: one thread at a time.
/// </summary>
internal sealed class WindingSweep
{
    private readonly SweepBounds _bounds = new();
    private readonly SweepCrossings _crossings = new();
    private readonly RingParts _rings = new();
    private readonly RingJoins _joins;
    private readonly List<SweepEdge> _active = [];
    private readonly List<SweepEdge> _levels = [];
    private readonly List<(RingVertex Vertex, PixelPoint End)> _drawnLevels = [];
    private int _nextMinimum;

    public WindingSweep() => _joins = new RingJoins(_rings);

    /// <summary>The rings of the last <see cref="Execute"/>; some have no vertices left.</summary>
    public RingParts Rings => _rings;

    /// <summary>Sweeps over an outline without straight corners. False, with no rings, if rounding left no consistent order of the edges.</summary>
    public bool Execute(ReadOnlySpan<PixelPoint> outline, bool framed)
    {
        _rings.Clear();
        _joins.Clear();
        _active.Clear();
        _levels.Clear();
        _drawnLevels.Clear();
        _nextMinimum = 0;
        _bounds.Build(outline, framed);
        var heights = _bounds.Heights;
        Start(heights[0]);
        foreach (int top in heights[1..])
        {
            FollowLevels();
            _drawnLevels.Clear();
            if (!CrossUpTo(top) || !Arrive(top))
            {
                _rings.Clear();
                return false;
            }
            Start(top);
        }
        _rings.Orient();
        _joins.Execute();
        for (int i = 0; i < _rings.Count; i++)
        {
            if (_rings[i].First is not null)
            {
                RingParts.RemoveStraight(_rings[i]);
            }
        }
        return true;
    }

    // Enters the bounds that start at this height.
    private void Start(int y)
    {
        for (var minima = _bounds.Minima; _nextMinimum < minima.Length && minima[_nextMinimum].Y == y; _nextMinimum++)
        {
            var (left, right) = minima[_nextMinimum];
            Insert(left, 0);
            Insert(right, left.Position + 1);
            left.WindingLeft = left.Position == 0 ? 0 : WindingRight(_active[left.Position - 1]);
            right.WindingLeft = WindingRight(left);
            RingVertex? drawn = left.IsBorder ? Begin(left, right, left.Bottom, WindingRight(left) > 0) : null;
            if (right.IsLevel)
            {
                _levels.Add(right);
            }
            if (drawn is not null)
            {
                JoinAtMinimum(left, right, drawn);
            }
            for (int i = left.Position + 1; _active[i] != right; i++)
            {
                Cross(right, _active[i], left.At);
            }
        }
    }

    private void JoinAtMinimum(SweepEdge left, SweepEdge right, RingVertex drawn)
    {
        if (right.IsLevel)
        {
            foreach (var (vertex, end) in _drawnLevels)
            {
                if (Overlap(vertex.Point.X, end.X, right.Bottom.X, right.Top.X))
                {
                    _joins.Add(vertex, drawn, end);
                }
            }
        }
        if (left.Position > 0 && _active[left.Position - 1] is { Part: not null } before && before.At.X == left.Bottom.X
            && SweepEdge.Parallel(before.Bottom, before.Top, left.At, left.Top))
        {
            _joins.Add(drawn, _rings.Draw(before, left.Bottom), left.Top);
        }
        if (_active[right.Position - 1] is { Part: not null } inner && inner != left
            && SweepEdge.Parallel(inner.At, inner.Top, right.At, right.Top))
        {
            _joins.Add(drawn, _rings.Draw(inner, right.Bottom), right.Top);
        }
    }

    private static int WindingRight(SweepEdge edge) => edge.WindingLeft + edge.Winding;

    private static bool Overlap(int a, int b, int c, int d) =>
        Math.Min(a, b) < Math.Max(c, d) && Math.Min(c, d) < Math.Max(a, b);

    // Two edges become borders at a point; the one that is further left above draws the front.
    private RingVertex Begin(SweepEdge a, SweepEdge b, PixelPoint at, bool isOuter)
    {
        var (front, back) = b.IsLevel || a.Slope > b.Slope ? (a, b) : (b, a);
        var vertex = _rings.Begin(front, back, at, isOuter);
        int position = front.Position - 1;
        if (position >= 0 && _active[position] == back)
        {
            position--;
        }
        if (position >= 0 && _active[position] is { Part: not null } before && before.Top.Y < at.Y && front.Top.Y < at.Y)
        {
            int x = front.XAt(at.Y);
            if (before.XAt(at.Y) == x && SweepEdge.Parallel(at with { X = x }, before.Top, at with { X = x }, front.Top))
            {
                _joins.Add(vertex, _rings.Draw(before, at), front.Top);
            }
        }
        return vertex;
    }

    // From here upwards, left is on the right of right.
    private void Cross(SweepEdge left, SweepEdge right, PixelPoint at)
    {
        bool leftDraws = left.Part is not null, rightDraws = right.Part is not null;
        left.WindingLeft += right.Winding;
        right.WindingLeft -= left.Winding;
        if (leftDraws && rightDraws && !(left.IsBorder && right.IsBorder))
        {
            _rings.End(left, right, at, _active);
        }
        else if (leftDraws || rightDraws)
        {
            if (leftDraws)
            {
                _rings.Draw(left, at);
            }
            if (rightDraws)
            {
                _rings.Draw(right, at);
            }
            (left.Part, right.Part) = (right.Part, left.Part);
            (left.DrawsFront, right.DrawsFront) = (right.DrawsFront, left.DrawsFront);
        }
        else if (left.IsBorder && right.IsBorder)
        {
            Begin(left, right, at, WindingRight(right) > 0);
        }
    }

    private bool CrossUpTo(int top)
    {
        if (_crossings.Find(_active, top) is not { } crossings)
        {
            return false;
        }
        foreach (var (left, right, at) in crossings)
        {
            Cross(left, right, at);
            Swap(left, right);
        }
        return true;
    }

    // Ends and continues the edges at the top of a scanbeam.
    private bool Arrive(int y)
    {
        for (int i = 0; i < _active.Count;)
        {
            var edge = _active[i];
            if (edge.IsMaximum(y) && !edge.Partner!.IsLevel)
            {
                if (!EndAtMaximum(edge))
                {
                    return false;
                }
                continue;
            }
            if (edge.IsIntermediate(y) && edge.Above!.IsLevel)
            {
                edge = GoOn(edge);
                if (edge.Part is not null)
                {
                    _rings.Draw(edge, edge.Bottom);
                }
                _levels.Add(edge);
            }
            else
            {
                edge.At = new PixelPoint(edge.XAt(y), y);
            }
            i++;
        }
        FollowLevels();
        for (int i = 0; i < _active.Count; i++)
        {
            var edge = _active[i];
            if (edge.IsIntermediate(y))
            {
                var drawn = edge.Part is null ? null : _rings.Draw(edge, edge.Top);
                edge = GoOn(edge);
                JoinNeighbour(edge, drawn, wholeEdges: false);
            }
        }
        return true;
    }

    private bool EndAtMaximum(SweepEdge edge)
    {
        var partner = edge.Partner!;
        while (edge.Position + 1 < _active.Count && _active[edge.Position + 1] is var next && next != partner)
        {
            Cross(edge, next, edge.Top);
            Swap(edge, next);
        }
        if (edge.Part is null != partner.Part is null)
        {
            return false;
        }
        if (edge.Part is not null)
        {
            _rings.End(edge, partner, edge.Top, _active);
        }
        Remove(edge);
        Remove(partner);
        return true;
    }

    private void FollowLevels()
    {
        while (_levels.Count > 0)
        {
            var level = _levels[^1];
            _levels.RemoveAt(_levels.Count - 1);
            FollowLevel(level);
        }
    }

    // A level edge crosses all edges between its ends, then the next edge of its bound takes its place.
    private void FollowLevel(SweepEdge level)
    {
        int step = level.Bottom.X < level.Top.X ? 1 : -1;
        RingVertex? drawn = null;
        while (level.Position + step is var i && i >= 0 && i < _active.Count)
        {
            var other = _active[i];
            if (step * other.At.X > step * level.Top.X)
            {
                break;
            }
            if (other.At.X == level.Top.X && level.Above is not null && other.Slope < level.Above.Slope)
            {
                break;
            }
            if (level.Part is not null)
            {
                drawn = _rings.Draw(level, other.At);
                JoinLevels(level, drawn, level.Bottom);
            }
            if (other == level.Partner)
            {
                if (level.Part is not null)
                {
                    _rings.End(level, other, level.Top, _active);
                }
                Remove(level);
                Remove(other);
                return;
            }
            var at = new PixelPoint(other.At.X, level.At.Y);
            if (step > 0)
            {
                Cross(level, other, at);
            }
            else
            {
                Cross(other, level, at);
            }
            Swap(level, other);
        }
        if (level.Part is not null && drawn is null)
        {
            JoinLevels(level, RingParts.Last(level), level.Top);
        }
        Debug.Assert(level.Above is not null, "the partner of a level edge lies at its end");
        drawn = level.Part is null ? null : _rings.Draw(level, level.Top);
        JoinNeighbour(GoOn(level), drawn, wholeEdges: true);
    }

    private void JoinLevels(SweepEdge level, RingVertex drawn, PixelPoint end)
    {
        for (int i = _levels.Count - 1; i >= 0; i--)
        {
            var other = _levels[i];
            if (other.Part is not null && Overlap(level.Bottom.X, level.Top.X, other.Bottom.X, other.Top.X))
            {
                _joins.Add(RingParts.Last(other), drawn, other.Top);
            }
        }
        _drawnLevels.Add((drawn, end));
    }

    // If a neighbour runs along the edge that starts here.
    private void JoinNeighbour(SweepEdge edge, RingVertex? drawn, bool wholeEdges)
    {
        if (drawn is null)
        {
            return;
        }
        for (int i = edge.Position - 1; i <= edge.Position + 1; i += 2)
        {
            if (i >= 0 && i < _active.Count && _active[i] is { Part: not null } other && other.At == edge.Bottom && other.At.Y > other.Top.Y
                && SweepEdge.Parallel(wholeEdges ? other.Bottom : other.At, other.Top, edge.Bottom, edge.Top))
            {
                _joins.Add(drawn, _rings.Draw(other, edge.Bottom), edge.Top);
                return;
            }
        }
    }

    private void Insert(SweepEdge edge, int from)
    {
        edge.At = edge.Bottom;
        while (from < _active.Count && !edge.IsLeftOf(_active[from]))
        {
            from++;
        }
        _active.Insert(from, edge);
        Renumber(from);
    }

    private void Remove(SweepEdge edge)
    {
        _active.RemoveAt(edge.Position);
        Renumber(edge.Position);
    }

    private void Renumber(int from)
    {
        for (int i = from; i < _active.Count; i++)
        {
            _active[i].Position = i;
        }
    }

    private void Swap(SweepEdge a, SweepEdge b)
    {
        (_active[a.Position], _active[b.Position]) = (b, a);
        (a.Position, b.Position) = (b.Position, a.Position);
    }

    // The next edge of the bound takes the place of one that has arrived.
    private SweepEdge GoOn(SweepEdge edge)
    {
        var next = edge.Above!;
        (next.Position, next.WindingLeft, next.Part, next.DrawsFront) = (edge.Position, edge.WindingLeft, edge.Part, edge.DrawsFront);
        next.At = next.Bottom;
        edge.Part = null;
        _active[next.Position] = next;
        return next;
    }
}
