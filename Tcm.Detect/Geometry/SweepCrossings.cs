using System.Runtime.InteropServices;

namespace Tcm.Detect.Geometry;

/// <summary>Two neighbours among the active edges that change places.</summary>
internal readonly record struct SweepCrossing(SweepEdge Left, SweepEdge Right, PixelPoint At) : IAtHeight
{
    public int Y => At.Y;
}

/// <summary>
/// The crossings between the active edges of one scanbeam: each inversion between the edges' order at its bottom and that at
/// its top, both by whole pixels, is one. A workspace: one thread at a time.
/// </summary>
internal sealed class SweepCrossings
{
    private readonly List<SweepCrossing> _crossings = [];
    private SweepEdge[] _order = [];

    /// <summary>
    /// The crossings from the lowest on the screen upwards, such that each is one of neighbours; null if there is no such
    /// order. Moves the edges' <see cref="SweepEdge.At"/> to the column at the top.
    /// </summary>
    public List<SweepCrossing>? Find(List<SweepEdge> active, int top)
    {
        _crossings.Clear();
        if (_order.Length < active.Count)
        {
            _order = new SweepEdge[2 * active.Count];
        }
        for (int i = 0; i < active.Count; i++)
        {
            var edge = active[i];
            edge.At = edge.At with { X = edge.XAt(top) };
            edge.Rank = i;
            _order[i] = edge;
        }
        SortByTop(active.Count, top);
        return _crossings.Count < 2 || SortByHeight() ? _crossings : null;
    }

    private void SortByTop(int count, int top)
    {
        bool swapped = true;
        for (; swapped && count > 1; count--)
        {
            swapped = false;
            for (int i = 1; i < count; i++)
            {
                SweepEdge left = _order[i - 1], right = _order[i];
                if (left.At.X > right.At.X)
                {
                    var at = Meet(left, right);
                    _crossings.Add(new SweepCrossing(left, right, at.Y < top ? new PixelPoint(left.XAt(top), top) : at));
                    (_order[i - 1], _order[i]) = (right, left);
                    swapped = true;
                }
            }
        }
    }

    // Rounding may put a crossing below another one that must come first.
    private bool SortByHeight()
    {
        HeightSort.Sort(CollectionsMarshal.AsSpan(_crossings));
        for (int i = 0; i < _crossings.Count; i++)
        {
            int next = i;
            while (next < _crossings.Count && !AreNeighbours(_crossings[next]))
            {
                next++;
            }
            if (next == _crossings.Count)
            {
                return false;
            }
            (_crossings[i], _crossings[next]) = (_crossings[next], _crossings[i]);
            var (left, right, _) = _crossings[i];
            (left.Rank, right.Rank) = (right.Rank, left.Rank);
        }
        return true;
    }

    private static bool AreNeighbours(SweepCrossing crossing) => Math.Abs(crossing.Left.Rank - crossing.Right.Rank) == 1;

    // The lines' crossing in whole pixels, kept within the scanbeam and the edges. Both coordinates are rounded from the
    // exact place, x along the steeper edge.
    private static PixelPoint Meet(SweepEdge a, SweepEdge b)
    {
        bool aSteeper = Math.Abs(a.Slope) < Math.Abs(b.Slope);
        if (a.Slope == b.Slope)
        {
            return new PixelPoint(a.XAt(a.At.Y), a.At.Y);
        }
        int x, y;
        if (a.Slope == 0)
        {
            (x, y) = (a.Bottom.X, HeightAt(b, a.Bottom.X));
        }
        else if (b.Slope == 0)
        {
            (x, y) = (b.Bottom.X, HeightAt(a, b.Bottom.X));
        }
        else
        {
            double aStart = a.Bottom.X - (a.Bottom.Y * a.Slope), bStart = b.Bottom.X - (b.Bottom.Y * b.Slope);
            double height = (bStart - aStart) / (a.Slope - b.Slope);
            y = SweepEdge.Round(height);
            x = SweepEdge.Round(aSteeper ? (a.Slope * height) + aStart : (b.Slope * height) + bStart);
        }
        int top = Math.Max(a.Top.Y, b.Top.Y);
        if (y < top)
        {
            (x, y) = ((aSteeper ? a : b).XAt(top), top);
        }
        if (y > a.At.Y)
        {
            y = a.At.Y;
            x = (Math.Abs(a.Slope) > Math.Abs(b.Slope) ? b : a).XAt(y);
        }
        return new PixelPoint(x, y);
    }

    private static int HeightAt(SweepEdge edge, int x) =>
        SweepEdge.Round((x / edge.Slope) + (edge.Bottom.Y - (edge.Bottom.X / edge.Slope)));
}
