namespace Tcm.Detect.Geometry;

/// <summary>
/// Places where two edges of finished rings lie on each other, found during the sweep. Joining them there makes one ring of
/// two, or two of one, without the seam. A workspace: one thread at a time.
/// </summary>
internal sealed class RingJoins(RingParts rings)
{
    private readonly List<Seam> _seams = [];

    // Both vertices lie on the seam, which goes on to Towards: upwards from their common place, or anywhere on a level.
    private readonly record struct Seam(RingVertex A, RingVertex B, PixelPoint Towards);

    public void Clear() => _seams.Clear();

    public void Add(RingVertex a, RingVertex b, PixelPoint towards) => _seams.Add(new Seam(a, b, towards));

    /// <summary>Joins all; the rings must be closed and oriented.</summary>
    public void Execute()
    {
        foreach (var seam in _seams)
        {
            RingPart one = seam.A.Part.Root, other = seam.B.Part.Root;
            if (one.First is null || other.First is null)
            {
                continue;
            }
            var ends = seam.A.Point.Y == seam.Towards.Y
                ? JoinLevel(seam.A, seam.B)
                : JoinSlanted(seam, one == other);
            if (ends is not var (first, second))
            {
                continue;
            }
            if (one == other)
            {
                one.First = first;
                rings.Split(second);
            }
            else
            {
                (other.First, other.MergedInto) = (null, one);
            }
        }
    }

    // A vertex of each of the two cycles that a split leaves, or null if nothing was joined.
    private (RingVertex First, RingVertex Second)? JoinSlanted(Seam seam, bool sameRing)
    {
        var (a, b, towards) = seam;
        if (Neighbour(a, towards) is not var (aNext, aForward) || Neighbour(b, towards) is not var (bNext, bForward))
        {
            return null;
        }
        if (aNext == a || bNext == b || aNext == bNext || (sameRing && aForward == bForward))
        {
            return null;
        }
        // Where the ring goes up along the seam, it crosses over to the other ring instead.
        RingVertex from = aForward ? a : b, to = aForward ? b : a;
        RingVertex fromCopy = rings.Copy(from, after: true), toCopy = rings.Copy(to, after: false);
        (from.Next, to.Previous) = (to, from);
        (toCopy.Next, fromCopy.Previous) = (fromCopy, toCopy);
        return (a, aForward ? fromCopy : toCopy);
    }

    // The next vertex along the seam, and whether it comes after this one or before; null if the ring does not go there.
    private static (RingVertex Vertex, bool Forward)? Neighbour(RingVertex vertex, PixelPoint towards)
    {
        var next = vertex.Next;
        while (next != vertex && next.Point == vertex.Point)
        {
            next = next.Next;
        }
        if (GoesTo(vertex.Point, next.Point, towards))
        {
            return (next, true);
        }
        next = vertex.Previous;
        while (next != vertex && next.Point == vertex.Point)
        {
            next = next.Previous;
        }
        return GoesTo(vertex.Point, next.Point, towards) ? (next, false) : null;
    }

    private static bool GoesTo(PixelPoint from, PixelPoint to, PixelPoint towards) =>
        to.Y <= from.Y && SweepEdge.Parallel(from, to, to, towards);

    private (RingVertex First, RingVertex Second)? JoinLevel(RingVertex a, RingVertex b)
    {
        if (LevelRun(a, b, b) is not var (aStart, aEnd) || LevelRun(b, aEnd, aStart) is not var (bStart, bEnd))
        {
            return null;
        }
        int left = Math.Max(Math.Min(aStart.Point.X, aEnd.Point.X), Math.Min(bStart.Point.X, bEnd.Point.X));
        int right = Math.Min(Math.Max(aStart.Point.X, aEnd.Point.X), Math.Max(bStart.Point.X, bEnd.Point.X));
        bool aToRight = aStart.Point.X <= aEnd.Point.X, bToRight = bStart.Point.X <= bEnd.Point.X;
        if (left >= right || aToRight == bToRight)
        {
            return null;
        }
        // The runs are cut at an end that lies within both; what is beyond it must stay, since other seams may need it.
        var (cut, keepRight) =
            Within(aStart) ? (aStart.Point, aStart.Point.X > aEnd.Point.X)
            : Within(bStart) ? (bStart.Point, bStart.Point.X > bEnd.Point.X)
            : Within(aEnd) ? (aEnd.Point, aEnd.Point.X > aStart.Point.X)
            : (bEnd.Point, bEnd.Point.X > bStart.Point.X);
        bool aCopyAfter = aToRight != keepRight;
        var (aCut, aCopy) = Cut(aStart, cut, aToRight, aCopyAfter);
        var (bCut, bCopy) = Cut(bStart, cut, bToRight, !aCopyAfter);
        if (aCopyAfter)
        {
            (aCut.Next, bCut.Previous) = (bCut, aCut);
            (bCopy.Next, aCopy.Previous) = (aCopy, bCopy);
        }
        else
        {
            (bCut.Next, aCut.Previous) = (aCut, bCut);
            (aCopy.Next, bCopy.Previous) = (bCopy, aCopy);
        }
        return (aStart, bStart);

        bool Within(RingVertex vertex) => vertex.Point.X >= left && vertex.Point.X <= right;
    }

    // First and last vertex of the level run around a vertex, up to the other run; null if the whole ring is level.
    private static (RingVertex Start, RingVertex End)? LevelRun(RingVertex vertex, RingVertex stopBack, RingVertex stop)
    {
        RingVertex start = vertex, end = vertex;
        while (start.Previous.Point.Y == start.Point.Y && start.Previous != end && start.Previous != stopBack)
        {
            start = start.Previous;
        }
        while (end.Next.Point.Y == end.Point.Y && end.Next != start && end.Next != stop)
        {
            end = end.Next;
        }
        return end.Next == start || end.Next == stop ? null : (start, end);
    }

    // Finds the place of a point on a level run, or makes a vertex there, and doubles it.
    private (RingVertex Vertex, RingVertex Copy) Cut(RingVertex vertex, PixelPoint at, bool toRight, bool copyAfter)
    {
        int sign = toRight ? 1 : -1;
        while (vertex.Next.Point.Y == at.Y && sign * vertex.Next.Point.X <= sign * at.X
            && sign * vertex.Next.Point.X >= sign * vertex.Point.X)
        {
            vertex = vertex.Next;
        }
        if (!copyAfter && vertex.Point.X != at.X)
        {
            vertex = vertex.Next;
        }
        var copy = rings.Copy(vertex, copyAfter);
        if (copy.Point != at)
        {
            vertex = copy;
            vertex.Point = at;
            copy = rings.Copy(vertex, copyAfter);
        }
        return (vertex, copy);
    }
}
