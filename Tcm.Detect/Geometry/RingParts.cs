namespace Tcm.Detect.Geometry;

/// <summary>A vertex of a ring that is being drawn.</summary>
internal sealed class RingVertex
{
    public PixelPoint Point { get; set; }

    public RingVertex Next { get; set; } = null!;

    public RingVertex Previous { get; set; } = null!;

    /// <summary>The part that it was drawn for; <see cref="RingPart.Root"/> tells where it is now.</summary>
    public RingPart Part { get; set; } = null!;
}

/// <summary>An unfinished ring, drawn at both ends: a cycle of vertices, with the front end first and the back end last.</summary>
internal sealed class RingPart
{
    /// <summary>Place in the order of the parts.</summary>
    public int Index { get; set; }

    /// <summary>The vertex at the front end; null if the part is gone.</summary>
    public RingVertex? First { get; set; }

    /// <summary>The part to which the vertices went, or null.</summary>
    public RingPart? MergedInto { get; set; }

    /// <summary>Height of the lowest place on the screen, where it was begun.</summary>
    public int Bottom { get; set; }

    /// <summary>Whether it is inside that the two ends enclose there, so that the ring is no hole.</summary>
    public bool IsOuter { get; set; }

    public RingPart Root => MergedInto is null ? this : MergedInto.Root;
}

/// <summary>The rings that the sweep draws. A workspace: one thread at a time.</summary>
internal sealed class RingParts
{
    private readonly List<RingVertex> _vertices = [];
    private readonly List<RingPart> _parts = [];
    private int _vertexCount;
    private int _partCount;

    public int Count => _partCount;

    public RingPart this[int index] => _parts[index];

    public void Clear() => _vertexCount = _partCount = 0;

    /// <summary>A new part with one vertex, drawn by two edges.</summary>
    public RingVertex Begin(SweepEdge front, SweepEdge back, PixelPoint at, bool isOuter)
    {
        var part = NewPart();
        (part.Bottom, part.IsOuter) = (at.Y, isOuter);
        var vertex = NewVertex(at, part);
        vertex.Next = vertex.Previous = part.First = vertex;
        (front.Part, front.DrawsFront) = (part, true);
        (back.Part, back.DrawsFront) = (part, false);
        return vertex;
    }

    public static RingVertex Last(SweepEdge edge)
    {
        var front = edge.Part!.First!;
        return edge.DrawsFront ? front : front.Previous;
    }

    /// <summary>Draws on to a point, where the end is not there already.</summary>
    public RingVertex Draw(SweepEdge edge, PixelPoint at)
    {
        var end = Last(edge);
        if (end.Point == at)
        {
            return end;
        }
        var part = edge.Part!;
        var vertex = NewVertex(at, part);
        InsertAfter(part.First!.Previous, vertex);
        if (edge.DrawsFront)
        {
            part.First = vertex;
        }
        return vertex;
    }

    /// <summary>Two edges meet and end: closes their ring, or makes one part of two, which is then drawn by <paramref name="active"/>.</summary>
    public void End(SweepEdge a, SweepEdge b, PixelPoint at, List<SweepEdge> active)
    {
        Draw(a, at);
        if (a.Part == b.Part)
        {
            a.Part = b.Part = null;
            return;
        }
        var (kept, gone) = a.Part!.Index < b.Part!.Index ? (a, b) : (b, a);
        RingPart part = kept.Part!, other = gone.Part!;
        if (kept.DrawsFront == gone.DrawsFront)
        {
            Reverse(other);
            other.First = other.First!.Next;
        }
        Append(part.First!, other.First!);
        if (kept.DrawsFront)
        {
            part.First = other.First;
        }
        if (other.Bottom > part.Bottom)
        {
            (part.Bottom, part.IsOuter) = (other.Bottom, other.IsOuter);
        }
        (other.First, other.MergedInto) = (null, part);
        bool front = kept.DrawsFront;
        a.Part = b.Part = null;
        foreach (var edge in active)
        {
            if (edge.Part == other)
            {
                (edge.Part, edge.DrawsFront) = (part, front);
                break;
            }
        }
    }

    /// <summary>Outer rings get a positive area, holes a negative one.</summary>
    public void Orient()
    {
        for (int i = 0; i < _partCount; i++)
        {
            var part = _parts[i];
            if (part.First is not null && part.IsOuter != IsPositive(part.First))
            {
                Reverse(part);
            }
        }
    }

    /// <summary>A copy of a vertex next to it.</summary>
    public RingVertex Copy(RingVertex vertex, bool after)
    {
        var copy = NewVertex(vertex.Point, vertex.Part);
        InsertAfter(after ? vertex : vertex.Previous, copy);
        return copy;
    }

    /// <summary>Makes a new part of the cycle that holds <paramref name="first"/>.</summary>
    public void Split(RingVertex first)
    {
        var part = NewPart();
        part.First = first;
        var vertex = first;
        do
        {
            vertex.Part = part;
            vertex = vertex.Next;
        }
        while (vertex != first);
    }

    /// <summary>Removes repeated and straight corners; a ring of which nothing is left is gone.</summary>
    public static void RemoveStraight(RingPart part)
    {
        var vertex = part.First!;
        RingVertex? firstGood = null;
        while (vertex.Next != vertex.Previous)
        {
            PixelPoint before = vertex.Previous.Point, at = vertex.Point, after = vertex.Next.Point;
            if (at == after || at == before || SweepEdge.Parallel(before, at, at, after))
            {
                vertex.Previous.Next = vertex.Next;
                vertex.Next.Previous = vertex.Previous;
                vertex = vertex.Previous;
                firstGood = null;
                continue;
            }
            if (vertex == firstGood)
            {
                part.First = vertex;
                return;
            }
            firstGood ??= vertex;
            vertex = vertex.Next;
        }
        part.First = null;
    }

    private static void InsertAfter(RingVertex place, RingVertex vertex)
    {
        (vertex.Previous, vertex.Next) = (place, place.Next);
        place.Next.Previous = vertex;
        place.Next = vertex;
    }

    // Puts the cycle that starts at second behind the last vertex of the cycle that starts at first.
    private static void Append(RingVertex first, RingVertex second)
    {
        RingVertex end = first.Previous, secondEnd = second.Previous;
        (end.Next, second.Previous) = (second, end);
        (secondEnd.Next, first.Previous) = (first, secondEnd);
    }

    private static void Reverse(RingPart part)
    {
        var vertex = part.First!;
        do
        {
            (vertex.Next, vertex.Previous) = (vertex.Previous, vertex.Next);
            vertex = vertex.Previous;
        }
        while (vertex != part.First);
    }

    private static bool IsPositive(RingVertex first)
    {
        long sum = 0;
        var vertex = first;
        do
        {
            PixelPoint a = vertex.Previous.Point, b = vertex.Point;
            sum += ((long)a.X + b.X) * (a.Y - b.Y);
            vertex = vertex.Next;
        }
        while (vertex != first);
        return sum > 0;
    }

    private RingVertex NewVertex(PixelPoint at, RingPart part)
    {
        if (_vertexCount == _vertices.Count)
        {
            _vertices.Add(new RingVertex());
        }
        var vertex = _vertices[_vertexCount++];
        (vertex.Point, vertex.Part) = (at, part);
        return vertex;
    }

    private RingPart NewPart()
    {
        if (_partCount == _parts.Count)
        {
            _parts.Add(new RingPart());
        }
        var part = _parts[_partCount];
        (part.Index, part.First, part.MergedInto) = (_partCount++, null, null);
        return part;
    }
}
